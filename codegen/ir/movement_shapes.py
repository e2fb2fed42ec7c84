"""Shape rules of operations that move values without changing them, and of resampling."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from codegen.errors import GraphError
from codegen.ir.node import AttrValue
from codegen.ir.shapes import ints
from codegen.ir.tensor import TensorType

Attrs = Mapping[str, AttrValue]
Types = tuple[TensorType, ...]
WeightShapes = Mapping[str, tuple[int, ...]]

PAD_MODES = ("constant", "edge", "reflect", "wrap")


def concat(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Join along one axis."""
    shape = list(types[0].shape)
    axis = axis_of(attrs, len(shape))
    for other in types[1:]:
        if len(other.shape) != len(shape) or any(
            a != b for i, (a, b) in enumerate(zip(other.shape, shape, strict=True)) if i != axis
        ):
            msg = f"{other} cannot be joined to {types[0]} along axis {axis}"
            raise GraphError(msg)
    shape[axis] = sum(item.shape[axis] for item in types)
    return TensorType(tuple(shape), types[0].dtype)


def flatten(types: Types, _attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Everything behind the batch axis becomes one axis."""
    return TensorType((types[0].shape[0], prod(types[0].shape[1:])), types[0].dtype)


def reshape(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """To a full shape of as many elements."""
    shape = ints(attrs, "shape")
    if prod(shape) != types[0].elements or any(size < 1 for size in shape):
        msg = f"{types[0]} cannot take the shape {shape}"
        raise GraphError(msg)
    return TensorType(shape, types[0].dtype)


def transpose(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Axis i of the output is axis `perm[i]` of the input."""
    perm, shape = ints(attrs, "perm"), types[0].shape
    if sorted(perm) != list(range(len(shape))):
        msg = f"its order of axes {perm} does not fit {types[0]}"
        raise GraphError(msg)
    return TensorType(tuple(shape[axis] for axis in perm), types[0].dtype)


def cut(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Element i of each axis named is element `starts + i * steps` of the input's."""
    shape = list(types[0].shape)
    lists = [ints(attrs, key) for key in ("axes", "starts", "sizes", "steps")]
    if len(set(lists[0])) != len(lists[0]) or any(not 0 <= a < len(shape) for a in lists[0]):
        msg = f"its axes {lists[0]} are not those of {types[0]}"
        raise GraphError(msg)
    for axis, start, count, step in zip(*lists, strict=True):
        size, shape[axis] = shape[axis], count
        last = start + (count - 1) * step
        if count < 1 or step == 0 or not (0 <= start < size and 0 <= last < size):
            msg = f"{count} elements from {start} by {step} are not inside {types[0]}"
            raise GraphError(msg)
    return TensorType(tuple(shape), types[0].dtype)


def slice_places(
    shape: tuple[int, ...], attrs: Attrs
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """First element, number of elements and step of every axis of a slice's input."""
    places = [(0, size, 1) for size in shape]
    lists = [ints(attrs, key) for key in ("axes", "starts", "sizes", "steps")]
    for axis, *place in zip(*lists, strict=True):
        places[axis] = (place[0], place[1], place[2])
    starts, sizes, steps = zip(*places, strict=True) if places else ((), (), ())
    return tuple(starts), tuple(sizes), tuple(steps)


def expand(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Axes of size 1, and missing ones in front, are repeated."""
    shape = ints(attrs, "shape")
    if any(size < 1 for size in shape) or np.broadcast_shapes(types[0].shape, shape) != shape:
        msg = f"{types[0]} cannot be repeated to {shape}"
        raise GraphError(msg)
    return TensorType(shape, types[0].dtype)


def gather(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Chosen items of one axis, in the order of `indices`."""
    shape = list(types[0].shape)
    axis, indices = axis_of(attrs, len(shape)), ints(attrs, "indices")
    if not indices or not all(0 <= index < shape[axis] for index in indices):
        msg = f"its indices are not inside axis {axis} of {types[0]}"
        raise GraphError(msg)
    shape[axis] = len(indices)
    return TensorType(tuple(shape), types[0].dtype)


def pad(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Elements before and behind the last axes; `padding` holds all befores, then all behinds."""
    padding, shape = ints(attrs, "padding"), types[0].shape
    axes = len(padding) // 2
    if len(padding) % 2 or not 0 < axes <= len(shape) or min(padding) < 0:
        msg = f"a padding of {padding} does not fit {types[0]}"
        raise GraphError(msg)
    if attrs["mode"] not in PAD_MODES:
        msg = f"there is no padding mode {attrs['mode']!r}"
        raise GraphError(msg)
    kept = shape[: len(shape) - axes]
    grown = zip(shape[len(kept) :], padding[:axes], padding[axes:], strict=True)
    if attrs["mode"] == "reflect" and any(
        size < 2 and less + more
        for size, less, more in zip(shape[len(kept) :], padding[:axes], padding[axes:], strict=True)
    ):
        msg = f"{types[0]} is too small to be mirrored"
        raise GraphError(msg)
    return TensorType((*kept, *(sum(item) for item in grown)), types[0].dtype)


def axis_of(attrs: Attrs, rank: int) -> int:
    """The attribute `axis`, counted from the front.

    Raises:
        GraphError: there is no such axis.
    """
    axis = attrs["axis"]
    if not isinstance(axis, int) or not -rank <= axis < rank:
        msg = f"there is no axis {axis} among {rank}"
        raise GraphError(msg)
    return axis % rank
