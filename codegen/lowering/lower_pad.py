"""Padding of any axes, with one value or with what is there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np

from codegen.ir.node import Node
from codegen.ir.resampling import IntArray
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.layout import compact
from codegen.lowering.lower_movement import own_place
from codegen.lowering.lower_resample import choice, emit_axis
from codegen.lowering.program import Storage
from codegen.lowering.view import View, view_of

_MOST_PIECES = 27
"""Three runs along each of three axes."""


def lower_pad(context: LoweringContext, node: Node) -> None:
    """Lower padding of any axes: rows and columns in one step, other cases piece by piece."""
    shape, padding = node.type.shape, node.integers("padding")
    output = own_place(context, node)
    name = node.inputs[0]
    if is_picture(node.type) and len(padding) == 4 and node.text("mode") == "constant":
        start = (-padding[0], -padding[1])
        held = context.value(name)
        context.copy(held, output, "with padding", start=start, fill=node.number("value"))
    elif node.text("mode") == "constant":
        _surround(context, node, context.view(name), view_of(output, shape))
    else:
        _continue(context, node, context.view(name), output)
    context.define(node.name, output)


def _surround(context: LoweringContext, node: Node, source: View, target: View) -> None:
    """One value everywhere, then the input into the middle."""
    one = context.constant(np.full(1, node.number("value"), dtype=np.float32), compact(1, 1, 1))
    context.move(view_of(one, (1,)).expanded(target.sizes), target, "of one value everywhere")
    rank = len(target.sizes)
    starts = tuple(before for before, _ in _sides(node, rank))
    middle = target.sliced(starts, source.sizes, (1,) * rank)
    context.move(source, middle, "into the middle")


def _continue(context: LoweringContext, node: Node, source: View, output: Storage) -> None:
    """Repeat, mirror or wrap what is there.

    Each axis falls into runs that lie in step; where they are few, every combination of them is one
    copy, else elements are gathered axis by axis.
    """
    target = view_of(output, node.type.shape)
    sides = _sides(node, len(target.sizes))
    mode = node.text("mode")
    origins = [
        np.pad(np.arange(size), side, mode=mode)  # type: ignore[call-overload]
        for size, side in zip(source.sizes, sides, strict=True)
    ]
    runs = [_runs([int(place) for place in places]) for places in origins]
    if prod(len(item) for item in runs) > _MOST_PIECES:
        _gather(context, source, output, node, origins)
        return
    for piece in product(*runs):
        sizes = tuple(run.size for run in piece)
        lists = (tuple(run.start for run in piece), sizes, tuple(run.step for run in piece))
        places = tuple(run.place for run in piece)
        part = target.sliced(places, sizes, (1,) * len(sizes))
        context.move(source.sliced(*lists), part, "with padding")


def _gather(
    context: LoweringContext,
    source: View,
    output: Storage,
    node: Node,
    origins: list[IntArray],
) -> None:
    axes = [axis for axis, side in enumerate(_sides(node, len(origins))) if any(side)]
    shape = list(source.sizes)
    for axis in axes:
        shape[axis] = len(origins[axis])
        sizes = tuple(shape)
        place = output if axis == axes[-1] else context.buffer(natural_layout(sizes))
        emit_axis(context, source, place, sizes, choice(axis, origins[axis]), 0.0, "with padding")
        source = view_of(place, sizes)


def _sides(node: Node, rank: int) -> list[tuple[int, int]]:
    """Padding before and behind every axis."""
    padding = node.integers("padding")
    axes = len(padding) // 2
    return [(0, 0)] * (rank - axes) + list(zip(padding[:axes], padding[axes:], strict=True))


@dataclass(frozen=True)
class _Run:
    """Neighbours in the output whose origins are in step too."""

    place: int
    size: int
    start: int
    step: int


def _runs(origins: list[int]) -> list[_Run]:
    """Cut a list of origins where its step changes."""
    runs: list[_Run] = []
    steps = [second - first for first, second in pairwise(origins)]
    place = 0
    while place < len(origins):
        end = place
        while end < len(steps) and steps[end] == steps[place]:
            end += 1
        step = steps[place] if place < len(steps) else 0
        runs.append(_Run(place, end - place + 1, origins[place], step))
        place = end + 1
    return runs
