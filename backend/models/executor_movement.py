"""Operations that move values, and resampling, in torch; the batch may be of any size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.models.executor_call import Call, Operation
from codegen.errors import GraphError
from codegen.ir.resampling import AxisTable, axis_tables


def _concat(call: Call) -> Tensor:
    # A constant has batch 1, what it is joined to any batch.
    axis = call.node.integer("axis") % call.x.dim()
    if axis == 0:
        return torch.cat(list(call.inputs))
    batch = max(item.shape[0] for item in call.inputs)
    items = [
        item if item.shape[0] == batch else item.expand(batch, *item.shape[1:])
        for item in call.inputs
    ]
    return torch.cat(items, axis)


def _reshape(call: Call) -> Tensor:
    shape = call.node.type.shape
    if call.x.numel() == call.node.type.elements:
        return call.x.reshape(shape)
    if shape and call.x.numel() == call.x.shape[0] * call.node.type.elements:
        return call.x.reshape(call.x.shape[0], *shape[1:])
    msg = f"node {call.node.name!r} moves the batch axis: it runs at the batch of its graph alone"
    raise GraphError(msg)


def _slice(call: Call) -> Tensor:
    node, x = call.node, call.x
    lists = (node.integers(key) for key in ("axes", "starts", "sizes", "steps"))
    for axis, start, size, step in zip(*lists, strict=True):
        if step > 0:
            x = x[(slice(None),) * axis + (slice(start, start + (size - 1) * step + 1, step),)]
        else:
            x = x.index_select(axis, start + step * torch.arange(size))
    return x


def _expand(call: Call) -> Tensor:
    shape = call.node.type.shape
    # A leading 1 that stays is the batch.
    if len(shape) == call.x.dim() and shape[:1] == (1,):
        return call.x.expand(call.x.shape[0], *shape[1:])
    return call.x.expand(shape)


def _gather(call: Call) -> Tensor:
    indices = torch.tensor(call.node.integers("indices"))
    return call.x.index_select(call.node.integer("axis") % call.x.dim(), indices)


def _pad(call: Call) -> Tensor:
    node, x = call.node, call.x
    padding = node.integers("padding")
    axes = len(padding) // 2
    sides = list(zip(padding[:axes], padding[axes:], strict=True))
    if node.text("mode") == "constant":
        flat = [size for side in reversed(sides) for size in side]
        return F.pad(x, flat, value=node.number("value"))
    for axis, (before, behind) in enumerate(sides, start=x.dim() - axes):
        places = np.pad(np.arange(x.shape[axis]), (before, behind), mode=node.text("mode"))  # type: ignore[call-overload]
        x = x.index_select(axis, torch.from_numpy(places))
    return x


def _resize(call: Call) -> Tensor:
    node, x = call.node, call.x
    shape = list(x.shape)
    if node.numbers("scales")[0] == 1.0:
        shape[0] = node.type.shape[0]  # the batch, of any size
    for table in axis_tables(node, tuple(shape)):
        x = _resampled(x, table, node.number("fill"))
    return x


def _resampled(x: Tensor, table: AxisTable, fill: float) -> Tensor:
    counts = np.diff(table.starts)
    shape = [1] * x.dim()
    shape[table.axis] = table.size
    result = torch.zeros((), dtype=x.dtype)
    for tap in range(int(counts.max(initial=0))):
        has_tap = counts > tap
        at = np.where(has_tap, table.starts[:-1] + tap, 0)
        values = x.index_select(table.axis, torch.from_numpy(table.indices[at]))
        weights = torch.from_numpy(table.weights[at]).reshape(shape)
        mask = torch.from_numpy(has_tap).reshape(shape)
        result = result + torch.where(mask, values * weights, torch.zeros(()))
    if counts.min(initial=1) > 0:
        return result
    outside = torch.from_numpy(counts == 0).reshape(shape)
    full = list(x.shape)
    full[table.axis] = table.size
    return torch.where(outside, torch.tensor(fill), result.expand(full))


MOVEMENT: dict[str, Operation] = {
    "concat": _concat,
    "flatten": lambda call: call.x.flatten(1),
    "reshape": _reshape,
    "transpose": lambda call: call.x.permute(call.node.integers("perm")),
    "slice": _slice,
    "expand": _expand,
    "gather": _gather,
    "pad": _pad,
    "resize": _resize,
}
"""Operations without arithmetic, and `resize`."""
