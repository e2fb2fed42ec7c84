"""Shape rules of operations that slide a window: convolutions and pools of any spatial rank."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod

from codegen.errors import GraphError
from codegen.ir.node import AttrValue
from codegen.ir.shapes import ints
from codegen.ir.tensor import TensorType

Attrs = Mapping[str, AttrValue]
Types = tuple[TensorType, ...]
WeightShapes = Mapping[str, tuple[int, ...]]

_MOST_WEIGHTS = 2**28
"""A transposed convolution is compiled as the convolutions of its phases, which are as many as
its strides, and each as wide as its dilation."""


def conv(types: Types, attrs: Attrs, weights: WeightShapes) -> TensorType:
    """(n, ic, ...) with weight (oc, ic / groups, ...) to (n, oc, ...)."""
    x, weight = types[0], weights["weight"]
    _fits(x, weight, weights, attrs, oc=weight[0], ic=weight[1] * _groups(attrs))
    before, after = sides(attrs, x)
    lists = (ints(attrs, "stride"), ints(attrs, "dilation"), before, after)
    sizes = [
        extent(size, dilation * (kernel - 1) + 1, stride, less + more)
        for size, kernel, stride, dilation, less, more in zip(
            x.shape[2:], weight[2:], *lists, strict=True
        )
    ]
    out = TensorType((x.shape[0], weight[0], *sizes), x.dtype)
    _check_fusion(types, attrs, out)
    return out


def conv_macs(output: TensorType, weights: WeightShapes, _attrs: Attrs) -> int:
    """Weights times output pixels; multiplications with padding are counted."""
    return prod(weights["weight"]) * prod(output.shape[2:]) * output.shape[0]


def conv_transpose(types: Types, attrs: Attrs, weights: WeightShapes) -> TensorType:
    """(n, ic, ...) with weight (ic, oc / groups, ...) to (n, oc, ...).

    Each axis becomes (size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding, less the
    padding on both sides.
    """
    x, weight = types[0], weights["weight"]
    groups = _groups(attrs)
    filters = weight[1] * groups
    _fits(x, weight, weights, attrs, oc=filters, ic=weight[0])
    before, after = sides(attrs, x)
    lists = (ints(attrs, "stride"), ints(attrs, "dilation"), before, after)
    extra = ints(attrs, "output_padding")
    sizes = [
        (size - 1) * stride + dilation * (kernel - 1) + 1 + more_out - less - more
        for size, kernel, stride, dilation, less, more, more_out in zip(
            x.shape[2:], weight[2:], *lists, extra, strict=True
        )
    ]
    if any(size < 1 for size in sizes) or min(extra) < 0:
        msg = f"its padding leaves nothing of {x}"
        raise GraphError(msg)
    phases = zip(weight[2:], lists[0], lists[1], before, sizes, strict=True)
    spread = [(max(d * (k - 1), less) // s + 2) * min(s, size) for k, s, d, less, size in phases]
    if weight[0] * weight[1] * prod(spread) > _MOST_WEIGHTS:
        msg = f"strides {lists[0]} or dilation {lists[1]} are too large for a weight of {weight}"
        raise GraphError(msg)
    out = TensorType((x.shape[0], filters, *sizes), x.dtype)
    _check_fusion(types, attrs, out)
    return out


def conv_transpose_macs(output: TensorType, weights: WeightShapes, attrs: Attrs) -> int:
    """Weights times input pixels; multiplications that padding cuts off are counted."""
    kernel = weights["weight"][2:]
    before, after = sides(attrs, output)
    stride, dilation, extra = (ints(attrs, k) for k in ("stride", "dilation", "output_padding"))
    lists = (kernel, stride, dilation, extra, before, after)
    pixels: list[int] = [
        (size + less + more - more_out - d * (k - 1) - 1) // s + 1
        for size, k, s, d, more_out, less, more in zip(output.shape[2:], *lists, strict=True)
    ]
    return prod(weights["weight"]) * prod(pixels) * output.shape[0]


def window(types: Types, attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """A pool: (n, c, ...) to (n, c, ...)."""
    x = types[0]
    spatial = x.shape[2:]
    before, after = sides(attrs, x)
    kernel, stride, dilation = (ints(attrs, key) for key in ("kernel", "stride", "dilation"))
    up = bool(attrs["ceil_mode"])
    sizes = []
    for size, k, s, d, less, more in zip(
        spatial, kernel, stride, dilation, before, after, strict=True
    ):
        out = extent(size, d * (k - 1) + 1, s, less + more, up=up)
        # A last window that would start inside the padding behind is dropped, as torch does.
        if up and (out - 1) * s >= size + less:
            out -= 1
        sizes.append(out)
    return TensorType((*x.shape[:2], *sizes), x.dtype)


def global_pool(types: Types, _attrs: Attrs, _weights: WeightShapes) -> TensorType:
    """(n, c, h, w) to (n, c, 1, 1)."""
    if len(types[0].shape) != 4:
        msg = f"needs an input of 4 axes, got {types[0]}"
        raise GraphError(msg)
    return TensorType((*types[0].shape[:2], 1, 1), types[0].dtype)


def extent(size: int, reach: int, stride: int, pads: int, *, up: bool = False) -> int:
    """Windows of `reach` pixels along one axis.

    Raises:
        GraphError: not even one fits.
    """
    steps = (size + pads - reach) / stride
    result = (ceil(steps) if up else int(steps // 1)) + 1
    if result < 1:
        msg = f"a window of {reach} does not fit into {size} pixels with {pads} of padding"
        raise GraphError(msg)
    return result


def sides(attrs: Attrs, x: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`padding` before and after each spatial axis.

    Raises:
        GraphError: it does not have two numbers for each.
    """
    padding, rank = ints(attrs, "padding"), len(x.shape) - 2
    if rank < 1 or len(padding) != 2 * rank:
        msg = f"a padding of {len(padding)} numbers does not fit an input of {x}"
        raise GraphError(msg)
    return padding[:rank], padding[rank:]


def _groups(attrs: Attrs) -> int:
    groups = attrs["groups"]
    assert isinstance(groups, int)
    return groups


def _fits(
    x: TensorType,
    weight: tuple[int, ...],
    weights: WeightShapes,
    attrs: Attrs,
    *,
    oc: int,
    ic: int,
) -> None:
    groups = _groups(attrs)
    if len(x.shape) != len(weight) or ic != x.shape[1] or ic % groups or oc % groups:
        channels = x.shape[1] if len(x.shape) > 1 else 0
        msg = f"weight {weight} with {groups} groups does not fit an input of {channels} channels"
        raise GraphError(msg)
    if "bias" in weights and weights["bias"] != (oc,):
        msg = f"bias {weights['bias']} does not fit {oc} filters"
        raise GraphError(msg)


def _check_fusion(types: Types, attrs: Attrs, out: TensorType) -> None:
    if len(types) == 2 and types[1] != out:
        msg = f"the fused residual is {types[1]}, the output {out}"
        raise GraphError(msg)
    is_fused = len(types) == 2 or attrs["activation"] != "none"
    if is_fused and not is_picture(out):
        msg = f"nothing can be fused into a convolution that makes {out}"
        raise GraphError(msg)


def is_picture(kind: TensorType) -> bool:
    """Whether a type is (1, c, h, w), which has microkernels of its own."""
    return len(kind.shape) == 4 and kind.shape[0] == 1
