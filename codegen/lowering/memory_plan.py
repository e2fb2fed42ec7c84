"""Places buffers and masks in one arena; what is not needed at one time shares room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.registry import FAMILIES
from codegen.lowering.layout import LINE_FLOATS, round_up
from codegen.lowering.program import Address, Argument, Mask, Program, Step
from codegen.lowering.slots import Slot, assign_slots

# Padded slots up to these sizes together keep room of their own, so that the padding of many small
# planes is not zeroed again in every run: the most room that leaves the arena near the smallest, or
# the whole process, which takes some itself, below 1.1 times the live set and 5 MB.
_OWN_ROOM = tuple(megabytes << 18 for megabytes in (6, 4, 3, 2, 1, 0))
_ABOVE_SMALLEST = int(0.8 * (1 << 18))
_ABOVE_LIVE = int(2.2 * (1 << 18))


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in floats from the arena's start, each a whole number of cache lines.

    Attributes:
        offsets: of every buffer.
        masks: of every mask, with its length.
        size: floats of the whole arena.
        scratch: floats of each thread's own room, behind the arena.
    """

    offsets: tuple[int, ...]
    masks: tuple[tuple[Mask, int, int], ...]
    size: int
    scratch: int = 0


def plan_memory(program: Program, lanes: int, live_bytes: int = 0) -> tuple[Program, MemoryPlan]:
    """Give every slot an offset, the largest first, each in the tightest gap that is free then.

    The arena starts zeroed. A slot with padding that shares room with others starts with a step
    that zeroes it again; the program comes back with these steps.

    Args:
        program: what to place.
        lanes: f32 lanes of a vector.
        live_bytes: of the activations that any program for the graph needs at one time.
    """
    slots = assign_slots(program)
    scratch = _spaced(max((step.scratch for step in program.steps), default=0))
    offsets, size = _best_placement(slots, int(1.1 * live_bytes / 4) + _ABOVE_LIVE - scratch)
    masks = []
    for mask in program.masks:
        length = round_up(mask.height * mask.row, lanes)
        masks.append((mask, size, length))
        size += round_up(length, LINE_FLOATS)
    by_buffer = {
        buffer: offset
        for slot, offset in zip(slots, offsets, strict=True)
        for buffer in slot.buffers
    }
    plan = MemoryPlan(
        tuple(by_buffer.get(index, 0) for index in range(len(program.buffers))),
        tuple(masks),
        # Vectors may be read, never written, behind the last buffer.
        size + 4 * LINE_FLOATS,
        scratch,
    )
    return _with_cleared_padding(program, slots, offsets), plan


def _best_placement(slots: Sequence[Slot], allowed: int) -> tuple[list[int], int]:
    """The placement with the most own room among those that are small enough."""
    found = [_place(slots, room) for room in _OWN_ROOM]
    limit = max(min(size for _, size in found) + _ABOVE_SMALLEST, allowed)
    return next(placement for placement in found if placement[1] <= limit)


def _place(slots: Sequence[Slot], own_room: int) -> tuple[list[int], int]:
    """Offsets of slots, and the end of all."""
    offsets = [0] * len(slots)
    size, shared = _place_alone(slots, offsets, own_room)
    start = size
    placed: list[int] = []
    for index in sorted(shared, key=lambda i: (-slots[i].layout.size, slots[i].start, i)):
        length = _length(slots[index])
        taken = sorted(
            (offsets[other], offsets[other] + _length(slots[other]))
            for other in placed
            if slots[other].meets(slots[index])
        )
        offsets[index] = _tightest(taken, length, start)
        placed.append(index)
        size = max(size, offsets[index] + length)
    return offsets, size


def _place_alone(slots: Sequence[Slot], offsets: list[int], own_room: int) -> tuple[int, list[int]]:
    """Place small padded slots one behind the other; returns their end and the other slots."""
    size = 0
    shared = []
    for index in sorted(range(len(slots)), key=lambda i: (slots[i].layout.size, i)):
        length = _length(slots[index])
        if slots[index].is_padded and size + length <= own_room:
            offsets[index] = size
            size += length
        else:
            shared.append(index)
    return size, shared


def _tightest(taken: list[tuple[int, int]], length: int, start: int) -> int:
    """Offset in the smallest gap between taken ranges that has the length."""
    best: tuple[int, int] | None = None
    position = start
    for begin, end in taken:
        gap = begin - position
        if gap >= length and (best is None or gap < best[0]):
            best = (gap, position)
        position = max(position, end)
    return position if best is None else best[1]


def _with_cleared_padding(
    program: Program, slots: Sequence[Slot], offsets: Sequence[int]
) -> Program:
    ranges = [(offset, offset + _length(s)) for s, offset in zip(slots, offsets, strict=True)]
    needing = {buffer for step in program.steps if step.reads_padding for buffer in step.reads}
    before: dict[int, list[Step]] = {}
    for index, slot in enumerate(slots):
        begin, end = ranges[index]
        shares = any(
            other != index and ranges[other][0] < end and begin < ranges[other][1]
            for other in range(len(slots))
        )
        if slot.is_padded and shares and not needing.isdisjoint(slot.buffers):
            before.setdefault(slot.start, []).append(_clear(program, slot))
    steps = [
        step
        for index, original in enumerate(program.steps)
        for step in (*before.get(index, ()), original)
    ]
    return replace(program, steps=tuple(steps))


def _clear(program: Program, slot: Slot) -> Step:
    """The step that zeroes a slot's padding: what lies before, between and behind its rows."""
    first = program.steps[slot.start]
    layout = slot.layout
    buffer = next(b for b in slot.buffers if program.buffers[b] == layout)
    planes = (layout.size - layout.origin) // layout.plane
    arguments: dict[str, Argument] = {
        "output": Address("arena", buffer),
        "guard": layout.origin,
        "plane": layout.plane,
        "row": layout.row,
        "height": layout.height,
        "width": layout.width * layout.block,
        "open_planes": _open_planes(program, slot),
    }
    kernel = first.microkernel
    return Step(
        layer=first.layer,
        microkernel=Microkernel("clear", kernel.isa, kernel.lanes),
        arguments=tuple((f.name, arguments[f.name]) for f in FAMILIES["clear"].fields),
        extent=planes,
        reads=(),
        writes=buffer,
        note=f"zero the padding of {planes} planes of {layout.height} x {layout.width}",
    )


def _open_planes(program: Program, slot: Slot) -> int:
    """Planes that some step writes without the elements between rows, which another reads."""
    open_buffers = {
        step.writes
        for step in program.steps
        if not FAMILIES[step.microkernel.family].fills(step.microkernel.variant)
    } & {buffer for step in program.steps if step.reads_padding for buffer in step.reads}
    layouts = [program.buffers[b] for b in slot.buffers if b in open_buffers]
    sizes = [(layout.size - layout.origin) // layout.plane for layout in layouts]
    return max(sizes, default=0)


def _length(slot: Slot) -> int:
    return round_up(slot.layout.size, LINE_FLOATS)


def _spaced(scratch: int) -> int:
    """Scratch of one thread with a gap behind it, so that threads share no line nor a pair."""
    return round_up(scratch, 2 * LINE_FLOATS) + 2 * LINE_FLOATS if scratch else 0
