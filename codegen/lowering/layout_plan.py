"""Chooses how the value of every node lies, planes or blocks of channels, by dynamic programming.

The nodes are taken in their order. What lies behind a node depends on the layouts of the values
still to be read, so of all ways that lead to the same ones only the cheapest is followed. Networks
have few such values at a time; where they have many, the cheapest ways are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from codegen.errors import ScheduleError
from codegen.ir.movement_shapes import axis_of
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, BINARY, FUNCTIONS
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout import Kind
from codegen.lowering.strategies.expand_depthwise import (
    depthwise_behind,
    plan_expand_depthwise,
)
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.registry import plans
from codegen.lowering.strategies.strategy import ConvPlan
from codegen.schedules.blocked_schedule import interleave_cycles, pass_cycles
from codegen.schedules.depthwise_schedule import split_cycles

Lies: TypeAlias = Kind | Literal["in a band of planar", "in a band of blocked"]
"""How a value lies; in a band means that only the next layer ever sees it, row by row."""

_MOST_WAYS = 128
_WRITTEN_A_CYCLE, _READ_A_CYCLE = 12.0, 9.0
_CACHED_BYTES = 1 << 20
_IN_NETS = {"compact": 1.15, "dense": 1.3, "depthwise_rows": 2.0, "depthwise": 2.0}
"""How much slower than its strategy's estimate a layer was in MobileNetV2, dense and pruned.

Taken on maps of 7x7 to 28x28, where all others came within 10 %; larger ones wait for memory in any
layout. Without it planes would win where they lose.
"""
_KINDS: tuple[Kind, ...] = ("planar", "blocked")
_BANDS: Mapping[Lies, Kind] = {
    "in a band of planar": "planar",
    "in a band of blocked": "blocked",
}
_UNARY = frozenset({*ACTIVATIONS, *FUNCTIONS, "clip", "global_average_pool"})
_POOLS = frozenset({"max_pool", "average_pool"})


@dataclass(frozen=True, eq=False)
class Choice:
    """One way to lower a node.

    Attributes:
        reads: how each input must lie; None where it has no picture.
        writes: how the output lies.
        cycles: estimate of one run on one thread.
        conv: the plan of a convolution.
    """

    reads: tuple[Lies | None, ...]
    writes: Lies
    cycles: float
    conv: ConvPlan | None = None


@dataclass(frozen=True, eq=False)
class _Way:
    """Choices so far, as a list linked backwards, and what they cost."""

    cycles: float
    choice: Choice | None = None
    before: _Way | None = None


@dataclass(frozen=True)
class LayoutPlan:
    """The cheapest choice for every node.

    Attributes:
        kinds: how each node's value lies.
        convs: how each convolution is lowered.
        in_bands: nodes that the next one takes up, so that nothing is lowered for them.
        cycles: estimate of a whole run on one thread, copies between layouts included.
    """

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    convs: Mapping[str, ConvPlan] = field(default_factory=dict)
    in_bands: frozenset[str] = frozenset()
    cycles: float = 0.0


def plan_layouts(context: LoweringContext) -> LayoutPlan:
    """Choose layouts and strategies of a whole graph together.

    Raises:
        ScheduleError: a wanted schedule fits neither its layer nor the target.
    """
    nodes = context.graph.nodes
    last = {name: index for index, node in enumerate(nodes) for name in node.inputs}
    last |= dict.fromkeys(context.graph.outputs, len(nodes))
    # A state is how every value still to be read lies; it may lie both ways, after a copy.
    start = frozenset((name, "planar") for name, _ in context.graph.inputs)
    ways: dict[frozenset[tuple[str, str]], _Way] = {start: _Way(0.0)}
    for index, node in enumerate(nodes):
        choices = list(_choices(context, node))
        found: dict[frozenset[tuple[str, str]], _Way] = {}
        for held, way in ways.items():
            for choice in choices:
                cycles, state = _apply(context, node, choice, held)
                total = way.cycles + cycles
                kept = frozenset(item for item in state if last.get(item[0], -1) > index)
                if kept not in found or total < found[kept].cycles:
                    found[kept] = _Way(total, choice, way)
        cheapest = sorted(found.items(), key=lambda item: item[1].cycles)[:_MOST_WAYS]
        ways = dict(cheapest)
    ends = [
        (
            way.cycles + sum(_copy_cycles(context, name) for name in _blocked_alone(context, held)),
            way,
        )
        for held, way in ways.items()
    ]
    cycles, way = min(ends, key=lambda item: item[0])
    return _traced(nodes, way, cycles)


def _blocked_alone(context: LoweringContext, held: frozenset[tuple[str, str]]) -> Iterable[str]:
    """Outputs that must be copied to planes in the end."""
    return [name for name in context.graph.outputs if (name, "planar") not in held]


def _apply(
    context: LoweringContext, node: Node, choice: Choice, held: frozenset[tuple[str, str]]
) -> tuple[float, frozenset[tuple[str, str]]]:
    """Cycles of a choice with the copies it needs, and how values lie after it."""
    cycles = choice.cycles
    added = {(node.name, choice.writes)}
    for name, kind in zip(node.inputs, choice.reads, strict=True):
        if kind is None or (name, kind) in held or (name, kind) in added:
            continue
        if kind not in _KINDS or any((name, other) in held for other in _BANDS):
            return math.inf, held
        cycles += _copy_cycles(context, name)
        added.add((name, kind))
    return cycles, held | added


def _traced(nodes: tuple[Node, ...], way: _Way, cycles: float) -> LayoutPlan:
    chosen: list[Choice] = []
    step: _Way | None = way
    while step is not None and step.choice is not None:
        chosen.append(step.choice)
        step = step.before
    pairs = list(zip(nodes, reversed(chosen), strict=True))
    return LayoutPlan(
        {node.name: "planar" if choice.writes == "planar" else "blocked" for node, choice in pairs},
        {node.name: choice.conv for node, choice in pairs if choice.conv is not None},
        frozenset(node.name for node, choice in pairs if choice.writes in _BANDS),
        cycles,
    )


def _copy_cycles(context: LoweringContext, name: str) -> float:
    _, channels, height, width = context.shape(name)
    return interleave_cycles(channels, height, width, context.lanes)


def _choices(context: LoweringContext, node: Node) -> Iterable[Choice]:
    if node.op == "conv":
        return _conv_choices(context, node)
    if any(_has_picture(context.shape(name)) for name in node.inputs) and (
        kinds := _kinds(context, node)
    ):
        return [_plain(context, node, kind) for kind in kinds]
    return [_plain(context, node, "planar")]


def _conv_choices(context: LoweringContext, node: Node) -> Iterable[Choice]:
    if not is_picture(node.type) or ConvProblem(context, node).is_single_pixel:
        return [_plain(context, node, "planar")]
    wanted = context.wanted(node)
    pictures = [_has_picture(context.shape(name)) for name in (node.inputs[0], node.name)]
    found = [
        Choice(
            (reads, *(writes,) * (len(node.inputs) - 1)), writes, _cycles(context, node, plan), plan
        )
        for reads in _KINDS[: 1 + pictures[0]]
        for writes, plan in plans(ConvProblem(context, node, reads), wanted).items()
        if writes == "planar" or pictures[1]
    ]
    if depthwise_behind(context, node) is not None:
        found += [Choice((kind,), band, 0.0) for band, kind in _BANDS.items()]
    before = context.graph.by_name.get(node.inputs[0])
    if before is not None and before.op == "conv" and depthwise_behind(context, before) == node:
        for band, kind in _BANDS.items():
            plan = plan_expand_depthwise(context, before, node, kind)
            if plan is not None:
                cycles = plan.cycles + _traffic(context, before.inputs[0], node.name)
                found.append(Choice((band,), "blocked", cycles, plan))
    if not found:
        msg = f"schedule {wanted} does not fit layer {node.name}"
        raise ScheduleError(msg)
    return found


def _cycles(context: LoweringContext, node: Node, plan: ConvPlan) -> float:
    """Cycles of a plan as measured among others, and of the split into phases that it needs."""
    name = plan.schedule.format
    cycles = plan.cycles * _IN_NETS.get(name, 1.0)
    if name in {"grouped", "dense", "pattern"} and node.integers("stride") != (1, 1):
        cycles += split_cycles(math.prod(context.shape(node.inputs[0])), context.lanes)
    return cycles + _traffic(context, node.inputs[0], node.name)


def _traffic(context: LoweringContext, read: str, written: str) -> float:
    """Cycles of values that the level-2 cache does not hold; measured on maps of 112 x 112."""
    found = 0.0
    for name, rate in ((read, _READ_A_CYCLE), (written, _WRITTEN_A_CYCLE)):
        size = 4 * math.prod(context.shape(name))
        found += size / rate if size > _CACHED_BYTES else 0.0
    return found


def _plain(context: LoweringContext, node: Node, kind: Kind) -> Choice:
    """A node without weights that reads pictures as it writes them."""
    shapes = [context.shape(name) for name in node.inputs]
    reads = tuple(kind if _has_picture(shape) else None for shape in shapes)
    writes: Kind = kind if _has_picture(node.type.shape) else "planar"
    cycles = 0.0
    if len(shapes) and _has_picture(shapes[0]):
        cycles = pass_cycles(math.prod(shapes[0]), context.lanes)
        if node.op in _POOLS:
            window = math.prod(node.integers("kernel"))
            # Planes are walked column by column of a window, with unaligned loads.
            cycles *= window / 4 if kind == "blocked" else window
    return Choice(reads, writes, cycles)


def _kinds(context: LoweringContext, node: Node) -> tuple[Kind, ...]:
    """How a node without weights can have its pictures."""
    shapes = [context.shape(name) for name in node.inputs]
    if node.op in _UNARY or (node.op in _POOLS and node.integers("dilation") == (1, 1)):
        return _KINDS
    if node.op in BINARY and all(_is_like(shape, node.type.shape) for shape in shapes):
        return _KINDS
    if node.op == "concat" and axis_of(node.attrs, 4) == 1:
        return _KINDS if all(shape[1] % context.lanes == 0 for shape in shapes) else ()
    return ()


def _is_like(shape: tuple[int, ...], full: tuple[int, ...]) -> bool:
    """Whether an operand has the output's shape, or one value a channel."""
    return shape == full or (shape[1:] == (full[1], 1, 1) and full[1] > 1)


def _has_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[0] == 1 and shape[2] * shape[3] > 1
