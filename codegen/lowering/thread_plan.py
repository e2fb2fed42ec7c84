"""Decides for each step how many threads may share it, and whether it waits for those before."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.kernels.registry import FAMILIES
from codegen.lowering.memory_plan import MemoryPlan
from codegen.lowering.program import Packed, Program, Step
from codegen.targets.target import Target

MOST_THREADS = 64
"""What a generated model takes at most, as its header says."""

# A meeting of polling threads takes some hundred nanoseconds; a thread must bring several times
# that to be worth it.
_LEAST_CYCLES = 3000.0
# Shared rows meet in cache lines that two threads need: on rows shorter than this that costs more
# than reading what another core wrote. Measured on 28 and 56 columns of MobileNetV2.
_LEAST_ROW = 48
# Microkernels read whole vectors behind the end of a buffer without using them.
_READ_BEHIND = 64


@dataclass(frozen=True)
class StepThreads:
    """Data of one step.

    Attributes:
        most: threads that share it at most.
        meets: whether all threads meet before it.
        is_cut: whether they share it by the family's cut, not by its units.
    """

    most: int
    meets: bool
    is_cut: bool = False


@dataclass(frozen=True)
class _Span:
    """Floats of the arena that a step touches."""

    start: int
    end: int

    def meets(self, other: _Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class _Touched:
    buffer: int
    span: _Span
    is_single: bool


def plan_threads(program: Program, plan: MemoryPlan, target: Target) -> tuple[StepThreads, ...]:
    """Threads of every step.

    A step waits where it reads or writes over what an earlier one wrote or read since the last
    meeting. Steps that write parts of one buffer, such as the segments of a layer, do not wait for
    each other, nor do those that one thread does alone.
    """
    cycles = step_cycles(program, target)
    reads: list[_Touched] = []
    writes: list[_Touched] = []
    found = []
    before = ""
    for step, cost in zip(program.steps, cycles, strict=True):
        items, is_cut = _items(program, step, target.vector_floats)
        most = max(1, min(MOST_THREADS, items, int(cost / _LEAST_CYCLES)))
        single = most == 1
        read = [
            _Touched(buffer, _span(program, plan, buffer, _READ_BEHIND), single)
            for buffer in step.reads
        ]
        written = [
            _Touched(buffer, _span(program, plan, buffer, 0), single)
            for buffer in (() if step.writes is None else (step.writes,))
        ]
        families = {step.microkernel.family, before}
        before = step.microkernel.family
        meets = (
            any(_conflict(one, other) for one in read for other in writes)
            or any(_conflict(one, other) for one in written for other in reads)
            or any(
                _conflict(one, other)
                for one in written
                for other in writes
                if one.buffer != other.buffer or "clear" in families
            )
        )
        if meets:
            reads, writes = [], []
        reads += read
        writes += written
        found.append(StepThreads(most, meets, is_cut))
    return tuple(found)


def _items(program: Program, step: Step, lanes: int) -> tuple[int, bool]:
    """Items that threads can share, and whether they are those of the family's cut."""
    cut = FAMILIES[step.microkernel.family].cut
    if cut is None:
        return step.extent, False
    arguments = dict(step.arguments)
    items, row = arguments[cut.count], arguments.get(cut.least_row)
    if not isinstance(items, int):
        return step.extent, False
    if cut.unless and cut.unless in step.microkernel.variant:
        return step.extent, False
    if cut.least_items:
        return (items, True) if items >= cut.least_items else (step.extent, False)
    if cut.least_row:
        return (
            (items, True)
            if isinstance(row, int) and row >= max(_LEAST_ROW, lanes)
            else (step.extent, False)
        )
    if items >= 2 * step.extent and (
        step.extent <= cut.most_units or _feeds_channels(program, step, lanes)
    ):
        return items, True
    return step.extent, False


def _feeds_channels(program: Program, step: Step, lanes: int) -> bool:
    """Whether all readers of a step's output share channels, and it reads much less than that."""
    if step.writes is None:
        return False
    readers = [other for other in program.steps if step.writes in other.reads]
    read = sum(program.buffers[buffer].size for buffer in step.reads)
    return (
        program.buffers[step.writes].size >= 2 * read
        and bool(readers)
        and all(
            FAMILIES[other.microkernel.family].unit == "channels"
            and not _items(program, other, lanes)[1]
            for other in readers
        )
    )


def step_cycles(program: Program, target: Target) -> list[float]:
    """Rough cycles of each step on one thread: multiply-adds at half of peak, and memory moved."""
    weighted = [sum(isinstance(v, Packed) for _, v in step.arguments) > 1 for step in program.steps]
    sharing: dict[int, int] = {}
    for step, has_weights in zip(program.steps, weighted, strict=True):
        sharing[step.layer] = sharing.get(step.layer, 0) + has_weights
    found = []
    for step, has_weights in zip(program.steps, weighted, strict=True):
        macs = 0.0
        if has_weights:
            macs = program.layers[step.layer].nonzero_macs / sharing[step.layer]
        found.append((macs + _moved(program, step)) / target.vector_floats)
    return found


def _moved(program: Program, step: Step) -> float:
    """Floats read and written; a step that takes a part of a buffer counts as much as it writes."""
    sizes = [program.buffers[buffer].size for buffer in step.reads]
    if step.writes is None:
        return float(sum(sizes))
    least = 2.0 * min([*sizes, program.buffers[step.writes].size])
    # A reduction reads whole planes for each element that it writes.
    plane = dict(step.arguments).get("input_plane")
    return max(least, float(step.extent * plane)) if isinstance(plane, int) else least


def _span(program: Program, plan: MemoryPlan, buffer: int, behind: int) -> _Span:
    start = plan.offsets[buffer]
    return _Span(start, start + program.buffers[buffer].size + behind)


def _conflict(one: _Touched, other: _Touched) -> bool:
    return one.span.meets(other.span) and not (one.is_single and other.is_single)
