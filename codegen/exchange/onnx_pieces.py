"""Operators of an ONNX file that join, cut, choose and surround values."""

from __future__ import annotations

from itertools import pairwise
from math import copysign, isfinite

import numpy as np

from codegen.exchange.onnx_node import (
    Constant,
    Flow,
    NodeRefusedError,
    OnnxNode,
    Value,
    int_list,
    shortest,
)
from codegen.exchange.onnx_scope import Scope
from codegen.exchange.onnx_shapes import reshaped

_LARGEST = float(np.finfo(np.float32).max)
_MAX_PAD = 2**16


def axis_in(node: OnnxNode, rank: int, default: int) -> int:
    """The attribute `axis`, counted from the front.

    Raises:
        NodeRefusedError: there is no such axis.
    """
    axis = node.integer("axis", default)
    if not -rank <= axis < rank:
        msg = f"there is no axis {axis} among {rank}"
        raise NodeRefusedError(msg)
    return axis % rank


def concat(scope: Scope, node: OnnxNode) -> Flow:
    """Concat along any axis; constants may be among the values."""
    first = next(value for value in node.inputs if isinstance(value, Flow))
    axis = axis_in(node, first.rank, 1)
    name = scope.name_of(node)
    values = []
    for index, value in enumerate(node.inputs):
        if value is None or (isinstance(value, Constant) and value.array.ndim != first.rank):
            msg = f"its input {index} has not as many axes as the others"
            raise NodeRefusedError(msg)
        if isinstance(value, Flow) or value.array.size:
            values.append(scope.as_flow(value, f"{name}.value{index}"))
    return scope.add(name, "concat", *values, axis=axis)


def split(scope: Scope, node: OnnxNode) -> tuple[Value, ...]:
    """Split into slices along one axis."""
    x = node.flow()
    axis = axis_in(node, x.rank, 0)
    sizes = split_sizes(node, x.type.shape[axis])
    name = scope.name_of(node)
    parts: list[Value] = []
    start = 0
    for index, size in enumerate(sizes):
        part = name if index == 0 else f"{name}:{index}"
        parts.append(_cut_or_empty(scope, part, x, {axis: (start, size, 1)}))
        start += size
    return tuple(parts)


def split_sizes(node: OnnxNode, size: int) -> tuple[int, ...]:
    """Extents of the parts of a Split of `size` items.

    Raises:
        NodeRefusedError: they do not add up.
    """
    sizes = node.list_at(1, "split") or _even_sizes(node, size)
    if sum(sizes) != size or any(part < 0 for part in sizes):
        msg = f"its sizes {sizes} do not add up to {size}"
        raise NodeRefusedError(msg)
    return sizes


def _even_sizes(node: OnnxNode, size: int) -> tuple[int, ...]:
    """As even as can be; the last one may be smaller."""
    count = node.integer("num_outputs", len(node.output_names))
    if not 0 < count <= max(size, 1):
        msg = f"it cuts {size} items into {count} parts"
        raise NodeRefusedError(msg)
    part = -(-size // count)
    return (*(part,) * (count - 1), size - part * (count - 1))


def cut(scope: Scope, node: OnnxNode) -> Value:
    """Slice with any steps, also backwards."""
    x = node.flow()
    starts, ends = node.list_at(1, "starts") or (), node.list_at(2, "ends") or ()
    axes = node.list_at(3, "axes") or tuple(range(len(starts)))
    steps = node.list_at(4, "steps") or (1,) * len(starts)
    ranges = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = axis % x.rank
        if not -x.rank <= axis < x.rank or place in ranges or step == 0:
            msg = f"its axes {axes} or steps {steps} are impossible"
            raise NodeRefusedError(msg)
        ranges[place] = _range(start, end, step, x.type.shape[place])
    return _cut_or_empty(scope, scope.name_of(node), x, ranges)


def _cut_or_empty(
    scope: Scope, name: str, x: Flow, ranges: dict[int, tuple[int, int, int]]
) -> Value:
    """What is left, or a constant without elements, which a join leaves out."""
    shape = [ranges[axis][1] if axis in ranges else size for axis, size in enumerate(x.type.shape)]
    if 0 in shape:
        return Constant(np.zeros(shape, dtype=np.float32))
    return _cut(scope, name, x, ranges)


def _range(start: int, end: int, step: int, size: int) -> tuple[int, int, int]:
    """First element, number of elements and step, with both ends moved into the axis."""
    start, end = (value + size if value < 0 else value for value in (start, end))
    if step > 0:
        start, end = min(max(start, 0), size), min(max(end, 0), size)
    else:
        start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return start, max(0, -(-(end - start) // step)), step


def _cut(scope: Scope, name: str, x: Flow, ranges: dict[int, tuple[int, int, int]]) -> Flow:
    rows = [(a, *r) for a, r in sorted(ranges.items()) if r != (0, x.type.shape[a], 1)]
    axes, starts, sizes, steps = zip(*rows, strict=True) if rows else ((), (), (), ())
    if min(sizes, default=1) < 1:
        msg = f"it leaves nothing of {x.type}"
        raise NodeRefusedError(msg)
    # One element needs no step, which a huge one would only overflow.
    steps = tuple(step if size > 1 else 1 for step, size in zip(steps, sizes, strict=True))
    return scope.add(name, "slice", x, axes=axes, starts=starts, sizes=sizes, steps=steps)


def gather(scope: Scope, node: OnnxNode) -> Flow:
    """Gather with constant indices; evenly spaced ones are a slice."""
    x = node.flow()
    axis = axis_in(node, x.rank, 0)
    size, indices = x.type.shape[axis], node.constant(1).array
    if indices.dtype != np.int64 or not indices.size:
        msg = "its indices must be integers, at least one"
        raise NodeRefusedError(msg)
    flat = [int(item) for item in indices.reshape(-1)]
    if any(not -size <= item < size for item in flat):
        msg = f"its indices are not inside axis {axis} of {x.type}"
        raise NodeRefusedError(msg)
    chosen = tuple(item % size for item in flat)
    name = scope.name_of(node)
    inner = name if indices.ndim == 1 else f"{name}/items"
    steps = {second - first for first, second in pairwise(chosen)}
    if len(steps) <= 1 and steps != {0}:
        step = next(iter(steps), 1)
        y = _cut(scope, inner, x, {axis: (chosen[0], len(chosen), step)})
    else:
        y = scope.add(inner, "gather", x, axis=axis, indices=chosen)
    if indices.ndim == 1:
        return y
    shape = x.type.shape
    return reshaped(scope, name, y, (*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def pad(scope: Scope, node: OnnxNode) -> Flow:
    """Pad of any axes in any mode; negative numbers cut off."""
    x = node.flow()
    mode = node.text("mode", "constant")
    pads = node.list_at(1, "pads") or ()
    chosen = node.optional_constant(3)
    axes = int_list(chosen.array) if chosen is not None else tuple(range(x.rank))
    if len(pads) != 2 * len(axes) or any(abs(size) > _MAX_PAD for size in pads):
        msg = "its list of paddings does not fit its axes"
        raise NodeRefusedError(msg)
    if any(not -x.rank <= axis < x.rank for axis in axes):
        msg = f"its axes {axes} are impossible"
        raise NodeRefusedError(msg)
    before = dict(zip((axis % x.rank for axis in axes), pads[: len(axes)], strict=True))
    behind = dict(zip((axis % x.rank for axis in axes), pads[len(axes) :], strict=True))
    filling = node.optional_constant(2)
    value = node.number("value", 0.0)
    if filling is not None and filling.array.size:
        value = shortest(filling.array.reshape(-1)[0])
    if not isfinite(value):
        # Pools of the largest pad with minus infinity; the least float loses to every pixel too.
        value = copysign(_LARGEST, value)
    sides = [(before.get(axis, 0), behind.get(axis, 0)) for axis in range(x.rank)]
    return _surround(scope, scope.name_of(node), x, sides, mode, value)


def _surround(
    scope: Scope, name: str, x: Flow, sides: list[tuple[int, int]], mode: str, value: float
) -> Flow:
    """Cut what is negative off, then pad; only the last two axes are named where that is all."""
    if any(less < 0 or more < 0 for less, more in sides):
        ranges = {}
        for axis, (less, more) in enumerate(sides):
            start, end = max(0, -less), x.type.shape[axis] - max(0, -more)
            ranges[axis] = (start, end - start, 1)
        x = _cut(scope, f"{name}/cut", x, ranges)
        sides = [(max(0, less), max(0, more)) for less, more in sides]
    kept = len(sides) - 2
    if kept > 0 and not any(size for side in sides[:kept] for size in side):
        sides = sides[kept:]
    padding = (*(side[0] for side in sides), *(side[1] for side in sides))
    return scope.add(name, "pad", x, padding=padding, value=value, mode=mode)


def center_crop_pad(scope: Scope, node: OnnxNode) -> Flow:
    """CenterCropPad: axes are cut or padded with zeros around their middle."""
    x = node.flow()
    wanted = node.list_at(1, "shape") or ()
    axes = node.integers("axes") or tuple(range(x.rank))
    if len(axes) != len(wanted) or any(size < 1 for size in wanted):
        msg = f"its shape {wanted} does not fit its axes"
        raise NodeRefusedError(msg)
    sides = [(0, 0)] * x.rank
    for axis, size in zip(axes, wanted, strict=True):
        own = x.type.shape[axis]
        less = (size - own) // 2 if size > own else -((own - size) // 2)
        sides[axis % x.rank] = (less, size - own - less)
    return _surround(scope, scope.name_of(node), x, sides, "constant", 0.0)
