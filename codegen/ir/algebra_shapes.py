"""Shape rules of products of matrices, of reductions and of normalisations."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from codegen.errors import GraphError
from codegen.ir.node import AttrValue
from codegen.ir.tensor import TensorType

Attrs = Mapping[str, AttrValue]
Types = tuple[TensorType, ...]
WeightShapes = Mapping[str, tuple[int, ...]]


def matmul(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """(..., m, k) times (..., k, n) to (..., m, n); the axes before broadcast.

    The attribute `depth` is k.
    """
    left, right = types[0].shape, types[1].shape
    if min(len(left), len(right)) < 2 or not left[-1] == right[-2] == attrs["depth"]:
        msg = f"{types[0]} and {types[1]} cannot be multiplied over {attrs['depth']}"
        raise GraphError(msg)
    try:
        batch = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        msg = f"the batches of {types[0]} and {types[1]} cannot be broadcast together"
        raise GraphError(msg) from None
    return TensorType((*batch, left[-2], right[-1]), types[0].dtype)


def matmul_macs(output: TensorType, _weights: WeightShapes, attrs: Attrs) -> int:
    """Outputs times the length of their sums."""
    depth = attrs["depth"]
    assert isinstance(depth, int)
    return output.elements * depth


def reduce(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """The axes `axes`, ascending, become one value each; `keep` leaves them as axes of size 1."""
    axes, shape = attrs["axes"], types[0].shape
    if not isinstance(axes, tuple) or sorted({int(a) for a in axes}) != list(axes):
        msg = f"its axes {axes} are not in ascending order"
        raise GraphError(msg)
    if not all(0 <= axis < len(shape) for axis in axes):
        msg = f"its axes {axes} are not axes of {types[0]}"
        raise GraphError(msg)
    kept = [(1 if axis in axes else size, axis in axes) for axis, size in enumerate(shape)]
    keep = bool(attrs["keep"])
    return TensorType(tuple(s for s, is_reduced in kept if keep or not is_reduced), types[0].dtype)


def layer_norm(types: Types, attrs: Attrs, weights: WeightShapes) -> TensorType:
    """Mean 0 and variance 1 over all axes from `axis` on, then scale and shift of each element."""
    axis, shape = attrs["axis"], types[0].shape
    if not isinstance(axis, int) or not 0 <= axis < len(shape):
        msg = f"{axis} is no axis of {types[0]}"
        raise GraphError(msg)
    if any(prod(item) != prod(shape[axis:]) or len(item) != 1 for item in weights.values()):
        msg = f"scale and shift {dict(weights)} do not fit {types[0]} from axis {axis}"
        raise GraphError(msg)
    return types[0]


def channels(types: Types, _attrs: Attrs, weights: WeightShapes) -> TensorType:
    """(n, c, ...) with one weight of each role a channel."""
    shape = types[0].shape
    if len(shape) < 2 or any(item != (shape[1],) for item in weights.values()):
        msg = f"weights {dict(weights)} do not fit the channels of {types[0]}"
        raise GraphError(msg)
    return types[0]
