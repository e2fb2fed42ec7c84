"""Operators of an ONNX file that move values without changing them."""

from __future__ import annotations

from math import copysign, isfinite, prod

import numpy as np

from codegen.exchange.onnx_node import (
    Constant,
    Flow,
    NodeRefusedError,
    OnnxNode,
    int_list,
    shortest,
)
from codegen.exchange.onnx_scope import Scope

_LARGEST = float(np.finfo(np.float32).max)
_BATCH = "it moves the batch axis; keep the first axis, e.g. x.flatten(1)"


def identity(scope: Scope, node: OnnxNode) -> Flow:
    """Identity of a computed value."""
    return scope.simple(node, "identity", node.flow())


def flatten(scope: Scope, node: OnnxNode) -> Flow:
    """Flatten of all axes behind the batch."""
    x = node.flow()
    axis = node.integer("axis", 1)
    if (axis + x.rank if axis < 0 else axis) != 1:
        raise NodeRefusedError(_BATCH)
    return scope.simple(node, "flatten", x)


def reshape(scope: Scope, node: OnnxNode) -> Flow:
    """Reshape to a shape known at import."""
    x = node.flow()
    given = node.list_at(1, "shape")
    if given is None:
        msg = "its shape is missing"
        raise NodeRefusedError(msg)
    sizes = list(given)
    if not node.integer("allowzero", 0):
        sizes = [x.type.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    if sizes.count(-1) == 1:
        known = prod(size for size in sizes if size != -1)
        if known < 1 or x.type.elements % known:
            msg = f"{x.type} cannot take the shape {given}"
            raise NodeRefusedError(msg)
        sizes[sizes.index(-1)] = x.type.elements // known
    return reshaped(scope, scope.name_of(node), x, tuple(sizes))


def reshaped(scope: Scope, name: str, x: Flow, shape: tuple[int, ...]) -> Flow:
    """A flatten or reshape node; the leading 1 stays the batch."""
    if shape[:1] != (1,):
        raise NodeRefusedError(_BATCH)
    if shape == (1, x.type.elements) and x.rank != 2:
        return scope.add(name, "flatten", x)
    return scope.add(name, "reshape", x, shape=shape)


def squeeze(scope: Scope, node: OnnxNode) -> Flow:
    """Squeeze of named axes of size 1 behind the batch."""
    x = node.flow()
    axes = node.list_at(1, "axes")
    if axes is None:
        msg = "it names no axes, so it would drop the batch axis; use x.flatten(1)"
        raise NodeRefusedError(msg)
    dropped = {axis % x.rank for axis in axes}
    if 0 in dropped or any(x.type.shape[axis] != 1 for axis in dropped):
        raise NodeRefusedError(_BATCH)
    shape = tuple(size for axis, size in enumerate(x.type.shape) if axis not in dropped)
    return reshaped(scope, scope.name_of(node), x, shape)


def unsqueeze(scope: Scope, node: OnnxNode) -> Flow:
    """Unsqueeze behind the batch."""
    x = node.flow()
    axes = node.list_at(1, "axes") or ()
    rank = x.rank + len(axes)
    if rank > 8:
        msg = "its output has more than 8 axes"
        raise NodeRefusedError(msg)
    added = {axis % rank for axis in axes}
    if 0 in added or len(added) != len(axes):
        raise NodeRefusedError(_BATCH)
    sizes = iter(x.type.shape)
    shape = tuple(1 if axis in added else next(sizes) for axis in range(rank))
    return reshaped(scope, scope.name_of(node), x, shape)


def transpose(scope: Scope, node: OnnxNode) -> Flow:
    """Transpose that only moves axes of size 1, which is a reshape."""
    x = node.flow()
    order = node.integers("perm") or tuple(reversed(range(x.rank)))
    if sorted(order) != list(range(x.rank)):
        msg = f"its order of axes {order} is impossible"
        raise NodeRefusedError(msg)
    long_axes = [axis for axis in order if x.type.shape[axis] != 1]
    if order[0] != 0 or long_axes != sorted(long_axes):
        msg = "moving axes is not supported; keep (batch, channel, y, x) throughout"
        raise NodeRefusedError(msg)
    shape = tuple(x.type.shape[axis] for axis in order)
    return scope.simple(node, "reshape", x, shape=shape)


def concat(scope: Scope, node: OnnxNode) -> Flow:
    """Concat along any axis but the batch."""
    first = next(value for value in node.inputs if isinstance(value, Flow))
    axis = node.integer("axis", 1)
    axis = axis + first.rank if axis < 0 else axis
    if not 0 < axis < first.rank:
        msg = "joining along the batch axis is not supported"
        raise NodeRefusedError(msg)
    name = scope.name_of(node)
    values = []
    for index, value in enumerate(node.inputs):
        if value is None or (isinstance(value, Constant) and value.array.shape[:1] != (1,)):
            msg = f"its input {index} has no batch axis of 1"
            raise NodeRefusedError(msg)
        values.append(scope.as_flow(value, f"{name}.value{index}"))
    return scope.add(name, "concat", *values, axis=axis)


def pad(scope: Scope, node: OnnxNode) -> Flow:
    """Pad of height and width with one value."""
    x = node.flow(rank=4)
    if node.text("mode", "constant") != "constant":
        msg = "only constant padding is supported; use padding_mode='zeros'"
        raise NodeRefusedError(msg)
    pads = node.list_at(1, "pads") or ()
    chosen = node.optional_constant(3)
    axes = int_list(chosen.array) if chosen is not None else (0, 1, 2, 3)
    if len(pads) != 2 * len(axes):
        msg = "its list of paddings does not fit its axes"
        raise NodeRefusedError(msg)
    before = dict(zip((axis % 4 for axis in axes), pads[: len(axes)], strict=True))
    after = dict(zip((axis % 4 for axis in axes), pads[len(axes) :], strict=True))
    if any(side.get(axis, 0) for side in (before, after) for axis in (0, 1)):
        msg = "only height and width can be padded"
        raise NodeRefusedError(msg)
    padding = tuple(side.get(axis, 0) for side in (before, after) for axis in (2, 3))
    if any(not 0 <= size <= 2**16 for size in padding):
        msg = "negative padding (cropping) is not supported"
        raise NodeRefusedError(msg)
    filling = node.optional_constant(2)
    value = node.number("value", 0.0)
    if filling is not None and filling.array.size:
        value = shortest(filling.array.reshape(-1)[0])
    if not isfinite(value):
        # Pools of the largest pad with minus infinity; the least float loses to every pixel too.
        value = copysign(_LARGEST, value)
    return scope.simple(node, "pad", x, padding=padding, value=value)
