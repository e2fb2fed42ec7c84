"""Shape rules and MAC counts, one function per kind of operation."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod

import numpy as np

from codegen.errors import GraphError
from codegen.ir.node import AttrValue
from codegen.ir.tensor import TensorType

Attrs = Mapping[str, AttrValue]
Types = tuple[TensorType, ...]
WeightShapes = Mapping[str, tuple[int, ...]]


def _ints(attrs: Attrs, key: str) -> tuple[int, ...]:
    value = attrs[key]
    if not isinstance(value, tuple):
        msg = f"{key} must be a list of integers, not {value!r}"
        raise GraphError(msg)
    return tuple(int(item) for item in value)


def _rank(value: TensorType, rank: int) -> None:
    if len(value.shape) != rank:
        msg = f"needs an input of {rank} axes, got {value}"
        raise GraphError(msg)


def _extent(size: int, window: int, stride: int, pads: int, *, up: bool = False) -> int:
    steps = (size + pads - window) / stride
    result = (ceil(steps) if up else int(steps // 1)) + 1
    if result < 1:
        msg = f"a window of {window} does not fit into {size} pixels with {pads} of padding"
        raise GraphError(msg)
    return result


def conv(types: Types, attrs: Attrs, weights: WeightShapes) -> TensorType:
    """(1, ic, h, w) with weight (oc, ic / groups, kh, kw) to (1, oc, oh, ow)."""
    _rank(types[0], 4)
    _, channels, height, width = types[0].shape
    out_channels, in_channels, kernel_y, kernel_x = weights["weight"]
    groups = attrs["groups"]
    assert isinstance(groups, int)
    if in_channels * groups != channels or out_channels % groups:
        msg = (
            f"weight {weights['weight']} with {groups} groups does not fit "
            f"an input of {channels} channels"
        )
        raise GraphError(msg)
    if "bias" in weights and weights["bias"] != (out_channels,):
        msg = f"bias {weights['bias']} does not fit {out_channels} filters"
        raise GraphError(msg)
    stride, dilation = _ints(attrs, "stride"), _ints(attrs, "dilation")
    top, left, bottom, right = _ints(attrs, "padding")
    out = TensorType(
        (
            1,
            out_channels,
            _extent(height, dilation[0] * (kernel_y - 1) + 1, stride[0], top + bottom),
            _extent(width, dilation[1] * (kernel_x - 1) + 1, stride[1], left + right),
        ),
        types[0].dtype,
    )
    if len(types) == 2 and types[1] != out:
        msg = f"the fused residual is {types[1]}, the output {out}"
        raise GraphError(msg)
    return out


def conv_macs(output: TensorType, weights: WeightShapes, _attrs: Attrs) -> int:
    """Weights times output pixels; multiplications with padding are counted."""
    return prod(weights["weight"]) * output.shape[2] * output.shape[3]


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


def window(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """A pool: (1, c, h, w) to (1, c, oh, ow)."""
    _rank(types[0], 4)
    batch, channels, height, width = types[0].shape
    kernel, stride = _ints(attrs, "kernel"), _ints(attrs, "stride")
    top, left, bottom, right = _ints(attrs, "padding")
    up = bool(attrs["ceil_mode"])
    out_y = _extent(height, kernel[0], stride[0], top + bottom, up=up)
    out_x = _extent(width, kernel[1], stride[1], left + right, up=up)
    # A last window that would start inside the right or bottom padding is dropped, as torch does.
    if up and (out_y - 1) * stride[0] >= height + top:
        out_y -= 1
    if up and (out_x - 1) * stride[1] >= width + left:
        out_x -= 1
    return TensorType((batch, channels, out_y, out_x), types[0].dtype)


def global_pool(types: Types, _attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """(1, c, h, w) to (1, c, 1, 1)."""
    _rank(types[0], 4)
    return TensorType((*types[0].shape[:2], 1, 1), types[0].dtype)


def concat(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Join along one axis."""
    axis = attrs["axis"]
    assert isinstance(axis, int)
    shape = list(types[0].shape)
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
    """To a full shape; its leading 1 stands for the batch."""
    shape = _ints(attrs, "shape")
    if prod(shape) != types[0].elements or shape[:1] != types[0].shape[:1]:
        msg = f"{types[0]} cannot take the shape {shape}"
        raise GraphError(msg)
    return TensorType(shape, types[0].dtype)


def pad(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """Constant padding of the two picture axes."""
    _rank(types[0], 4)
    top, left, bottom, right = _ints(attrs, "padding")
    batch, channels, height, width = types[0].shape
    shape = (batch, channels, height + top + bottom, width + left + right)
    return TensorType(shape, types[0].dtype)


def constant(_types: Types, _attrs: Attrs, weights: WeightShapes) -> TensorType:
    """The shape of the stored value."""
    return TensorType(weights["value"])
