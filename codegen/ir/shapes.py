"""Shape rules and MAC counts, one function per kind of operation."""

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


def ints(attrs: Attrs, key: str) -> tuple[int, ...]:
    """An attribute that is a list of integers.

    Raises:
        GraphError: it is not.
    """
    value = attrs[key]
    if not isinstance(value, tuple):
        msg = f"{key} must be a list of integers, not {value!r}"
        raise GraphError(msg)
    return tuple(int(item) for item in value)


def _rank(value: TensorType, rank: int) -> None:
    if len(value.shape) != rank:
        msg = f"needs an input of {rank} axes, got {value}"
        raise GraphError(msg)


def linear(types: Types, attrs: Attrs, weights: WeightShapes) -> TensorType:
    """(1, in) with weight (out, in) to (1, out)."""
    _rank(types[0], 2)
    outputs, inputs = weights["weight"]
    if inputs != types[0].shape[1]:
        msg = f"weight {weights['weight']} does not fit an input of {types[0].shape[1]} features"
        raise GraphError(msg)
    return TensorType((1, outputs), types[0].dtype)


def linear_macs(_output: TensorType, weights: WeightShapes, _attrs: Attrs) -> int:
    """One per weight."""
    return prod(weights["weight"])


def batch_norm(types: Types, _attrs: Attrs, weights: WeightShapes) -> TensorType:
    """Per-channel scale and shift; axis 1 is the channel."""
    if any(shape != (types[0].shape[1],) for shape in weights.values()):
        msg = f"statistics {dict(weights)} do not fit {types[0].shape[1]} channels"
        raise GraphError(msg)
    return types[0]


def same(types: Types, _attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """The output is like the input."""
    return types[0]


def broadcast(types: Types, _attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """NumPy's broadcasting of two inputs."""
    try:
        shape = np.broadcast_shapes(types[0].shape, types[1].shape)
    except ValueError:
        msg = f"{types[0]} and {types[1]} cannot be broadcast together"
        raise GraphError(msg) from None
    return TensorType(tuple(shape), types[0].dtype)


def constant(_types: Types, _attrs: Attrs, weights: WeightShapes) -> TensorType:
    """The shape of the stored value."""
    return TensorType(weights["value"])
