"""Operators of an ONNX file that give a value other axes, or repeat it along them."""

from __future__ import annotations

from math import prod

import numpy as np

from codegen.exchange.onnx_file import MAX_RANK
from codegen.exchange.onnx_node import Flow, NodeRefusedError, OnnxNode
from codegen.exchange.onnx_scope import Scope


def identity(scope: Scope, node: OnnxNode) -> Flow:
    """Identity of a computed value."""
    return scope.simple(node, "identity", node.flow())


def flatten(scope: Scope, node: OnnxNode) -> Flow:
    """Flatten to two axes."""
    x = node.flow()
    axis = node.integer("axis", 1)
    if not -x.rank <= axis <= x.rank:
        msg = f"its axis {axis} is impossible"
        raise NodeRefusedError(msg)
    shape = x.type.shape
    cut = axis + x.rank if axis < 0 else axis
    return reshaped(scope, scope.name_of(node), x, (prod(shape[:cut]), prod(shape[cut:])))


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
    """A reshape, or a flatten where the batch axis stays alone."""
    if len(shape) > MAX_RANK:
        msg = f"its output has more than {MAX_RANK} axes"
        raise NodeRefusedError(msg)
    if x.rank > 2 and shape == (x.type.shape[0], prod(x.type.shape[1:])):
        return scope.add(name, "flatten", x)
    return scope.add(name, "reshape", x, shape=shape)


def squeeze(scope: Scope, node: OnnxNode) -> Flow:
    """Squeeze of axes of size 1."""
    x = node.flow()
    shape = x.type.shape
    axes = node.list_at(1, "axes")
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    dropped = _axes(axes, x.rank)
    if any(shape[axis] != 1 for axis in dropped):
        msg = f"it drops axes of {x.type} that are longer than 1"
        raise NodeRefusedError(msg)
    kept = tuple(size for axis, size in enumerate(shape) if axis not in dropped)
    return reshaped(scope, scope.name_of(node), x, kept)


def unsqueeze(scope: Scope, node: OnnxNode) -> Flow:
    """Unsqueeze: new axes of size 1."""
    x = node.flow()
    axes = node.list_at(1, "axes") or ()
    added = _axes(axes, x.rank + len(axes))
    sizes = iter(x.type.shape)
    shape = tuple(1 if axis in added else next(sizes) for axis in range(x.rank + len(axes)))
    return reshaped(scope, scope.name_of(node), x, shape)


def _axes(axes: tuple[int, ...], rank: int) -> set[int]:
    found = {axis % rank for axis in axes if -rank <= axis < rank}
    if len(found) != len(axes):
        msg = f"its axes {axes} are impossible"
        raise NodeRefusedError(msg)
    return found


def transpose(scope: Scope, node: OnnxNode) -> Flow:
    """Transpose in any order; one that only moves axes of size 1 is a reshape."""
    x = node.flow()
    order = node.integers("perm") or tuple(reversed(range(x.rank)))
    if sorted(order) != list(range(x.rank)):
        msg = f"its order of axes {order} is impossible"
        raise NodeRefusedError(msg)
    return transposed(scope, scope.name_of(node), x, order)


def transposed(scope: Scope, name: str, x: Flow, order: tuple[int, ...]) -> Flow:
    """A transpose, or a reshape where that is the same."""
    long_axes = [axis for axis in order if x.type.shape[axis] != 1]
    if long_axes == sorted(long_axes):
        return scope.add(name, "reshape", x, shape=tuple(x.type.shape[axis] for axis in order))
    return scope.add(name, "transpose", x, perm=order)


def expand(scope: Scope, node: OnnxNode) -> Flow:
    """Expand to what its shape and the input's broadcast to."""
    x = node.flow()
    given = node.list_at(1, "shape") or ()
    if len(given) > MAX_RANK or any(size < 1 for size in given):
        msg = f"its shape {given} is impossible"
        raise NodeRefusedError(msg)
    shape = tuple(np.broadcast_shapes(x.type.shape, given))
    return scope.simple(node, "expand", x, shape=shape)


def tile(scope: Scope, node: OnnxNode) -> Flow:
    """Tile: every repeated axis gets a new axis before it, which is repeated and joined to it."""
    x = node.flow()
    repeats = node.list_at(1, "repeats") or ()
    if len(repeats) != x.rank or any(count < 1 for count in repeats):
        msg = f"its repeats {repeats} do not fit {x.type}"
        raise NodeRefusedError(msg)
    name = scope.name_of(node)
    cut, full, joined = [], [], []
    for size, count in zip(x.type.shape, repeats, strict=True):
        cut += [size] if count == 1 else [1, size]
        full += [size] if count == 1 else [count, size]
        joined.append(size * count)
    x = scope.add(f"{name}/cut", "reshape", x, shape=tuple(cut))
    x = scope.add(f"{name}/expand", "expand", x, shape=tuple(full))
    return scope.add(name, "reshape", x, shape=tuple(joined))


def depth_to_space(scope: Scope, node: OnnxNode) -> Flow:
    """DepthToSpace, torch's pixel shuffle, as a transpose of six axes."""
    x, block = node.flow(rank=4), node.integer("blocksize", 0)
    batch, channels, height, width = x.type.shape
    if block < 1 or channels % (block * block):
        msg = f"its block size {block} does not fit {x.type}"
        raise NodeRefusedError(msg)
    inner = channels // (block * block)
    if node.text("mode", "DCR") == "CRD":
        cut, order = (batch, inner, block, block, height, width), (0, 1, 4, 2, 5, 3)
    else:
        cut, order = (batch, block, block, inner, height, width), (0, 3, 4, 1, 5, 2)
    return _shuffled(scope, node, cut, order, (batch, inner, height * block, width * block))


def space_to_depth(scope: Scope, node: OnnxNode) -> Flow:
    """SpaceToDepth as a transpose of six axes."""
    x, block = node.flow(rank=4), node.integer("blocksize", 0)
    batch, channels, height, width = x.type.shape
    if block < 1 or height % block or width % block:
        msg = f"its block size {block} does not fit {x.type}"
        raise NodeRefusedError(msg)
    rows, columns = height // block, width // block
    cut = (batch, channels, rows, block, columns, block)
    is_crd = node.text("mode", "DCR") == "CRD"
    order = (0, 1, 3, 5, 2, 4) if is_crd else (0, 3, 5, 1, 2, 4)
    return _shuffled(scope, node, cut, order, (batch, channels * block * block, rows, columns))


def _shuffled(
    scope: Scope,
    node: OnnxNode,
    cut: tuple[int, ...],
    order: tuple[int, ...],
    shape: tuple[int, ...],
) -> Flow:
    name = scope.name_of(node)
    x = scope.add(f"{name}/cut", "reshape", node.flow(), shape=cut)
    x = scope.add(f"{name}/transpose", "transpose", x, perm=order)
    return scope.add(name, "reshape", x, shape=shape)
