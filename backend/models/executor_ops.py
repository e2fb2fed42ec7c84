"""What each operation of the IR means, in torch: one function a row of the table."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.models.executor_algebra import ALGEBRA
from backend.models.executor_call import Call, Operation

_BATCH_NORM_MOMENTUM = 0.1


def _leaky_relu(x: Tensor, alpha: float) -> Tensor:
    return F.leaky_relu(x, alpha)


_POINTWISE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "none": lambda x, _: x,
    "relu": lambda x, _: F.relu(x),
    "relu6": lambda x, _: F.relu6(x),
    "leaky_relu": _leaky_relu,
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "hard_sigmoid": lambda x, _: F.hardsigmoid(x),
    "silu": lambda x, _: F.silu(x),
    "hard_swish": lambda x, _: F.hardswish(x),
    "tanh": lambda x, _: torch.tanh(x),
    "elu": lambda x, alpha: F.elu(x, alpha),
    "softplus": lambda x, _: F.softplus(x, threshold=80.0),
    "mish": lambda x, _: F.mish(x),
    "gelu": lambda x, _: F.gelu(x),
    "gelu_tanh": lambda x, _: F.gelu(x, approximate="tanh"),
}
"""Activations that can be fused; the number is the slope of those that have one."""

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "erf": torch.erf,
    "abs": torch.abs,
    "neg": torch.neg,
    "sqrt": torch.sqrt,
    "reciprocal": torch.reciprocal,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": lambda x: torch.where(x.isnan(), x, x.sign()),  # torch gives 0 for what is no number
}


def _fused(call: Call, x: Tensor) -> Tensor:
    return _POINTWISE[call.node.text("activation")](x, call.node.number("alpha"))


def _padded(x: Tensor, padding: tuple[int, ...], value: float = 0.0) -> Tensor:
    top, left, bottom, right = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def _conv(call: Call) -> Tensor:
    node, x = call.node, call.x
    top, left, bottom, right = node.integers("padding")
    if (top, left) == (bottom, right):
        sides: tuple[int, ...] = (top, left)
    else:
        x, sides = _padded(x, (top, left, bottom, right)), (0, 0)
    y = F.conv2d(
        x,
        call.weights["weight"],
        call.weights.get("bias"),
        node.integers("stride"),
        sides,
        node.integers("dilation"),
        node.integer("groups"),
    )
    if len(call.inputs) == 2:
        y = y + call.inputs[1]
    return _fused(call, y)


def _linear(call: Call) -> Tensor:
    return _fused(call, F.linear(call.x, call.weights["weight"], call.weights.get("bias")))


def _batch_norm(call: Call) -> Tensor:
    return F.batch_norm(
        call.x,
        call.weights["mean"],
        call.weights["variance"],
        call.weights["gamma"],
        call.weights["beta"],
        training=call.training,
        momentum=_BATCH_NORM_MOMENTUM,
        eps=call.node.number("epsilon"),
    )


def _window(call: Call, x: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Kernel, stride, and padding with what `ceil_mode` needs more at the bottom and the right."""
    node = call.node
    kernel, stride = node.integers("kernel"), node.integers("stride")
    top, left, bottom, right = node.integers("padding")
    out_y, out_x = node.type.shape[2:]
    need_y = (out_y - 1) * stride[0] + kernel[0] - x.shape[2] - top
    need_x = (out_x - 1) * stride[1] + kernel[1] - x.shape[3] - left
    return kernel, stride, (top, left, max(bottom, need_y), max(right, need_x))


def _is_plain(call: Call) -> bool:
    """Whether torch's own pooling takes these arguments: symmetric padding of half a window."""
    top, left, bottom, right = call.node.integers("padding")
    kernel = call.node.integers("kernel")
    symmetric = (top, left) == (bottom, right)
    return symmetric and 2 * top <= kernel[0] and 2 * left <= kernel[1]


def _max_pool(call: Call) -> Tensor:
    node = call.node
    if _is_plain(call):
        return F.max_pool2d(
            call.x,
            node.integers("kernel"),
            node.integers("stride"),
            node.integers("padding")[:2],
            ceil_mode=bool(node.attrs["ceil_mode"]),
        )
    kernel, stride, padding = _window(call, call.x)
    return F.max_pool2d(_padded(call.x, padding, float("-inf")), kernel, stride)


def _average_pool(call: Call) -> Tensor:
    node = call.node
    counts_padding = bool(node.attrs["count_include_pad"])
    if _is_plain(call):
        return F.avg_pool2d(
            call.x,
            node.integers("kernel"),
            node.integers("stride"),
            node.integers("padding")[:2],
            ceil_mode=bool(node.attrs["ceil_mode"]),
            count_include_pad=counts_padding,
        )
    kernel, stride, padding = _window(call, call.x)
    total = F.avg_pool2d(_padded(call.x, padding), kernel, stride, divisor_override=1)
    # Pixels that `ceil_mode` alone added are never counted, as in torch.
    ones = torch.ones_like(call.x[:1, :1])
    given = node.integers("padding")
    extra = tuple(have - want for have, want in zip(padding, given, strict=True))
    counted = _padded(_padded(ones, given, float(counts_padding)), extra)
    divisor = F.avg_pool2d(counted, kernel, stride, divisor_override=1)
    return total / divisor.clamp(min=1.0)


def _concat(call: Call) -> Tensor:
    # A constant has batch 1, what it is joined to any batch.
    batch = max(item.shape[0] for item in call.inputs)
    items = [
        item if item.shape[0] == batch else item.expand(batch, *item.shape[1:])
        for item in call.inputs
    ]
    return torch.cat(items, call.node.integer("axis"))


def _pad(call: Call) -> Tensor:
    return _padded(call.x, call.node.integers("padding"), call.node.number("value"))


def _hard_sigmoid(call: Call) -> Tensor:
    gate = call.x * call.node.number("alpha") + call.node.number("beta")
    return gate.clamp(0.0, 1.0)


def _function(name: str) -> Operation:
    function = _FUNCTIONS[name]
    return lambda call: function(call.x)


def _activation(name: str) -> Operation:
    function = _POINTWISE[name]
    if name == "hard_sigmoid":
        return _hard_sigmoid
    if name in {"leaky_relu", "elu"}:
        return lambda call: function(call.x, call.node.number("alpha"))
    return lambda call: function(call.x, 0.0)


OPERATIONS: dict[str, Operation] = {
    "conv": _conv,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "add": lambda call: _fused(call, call.x + call.inputs[1]),
    "sub": lambda call: call.x - call.inputs[1],
    "mul": lambda call: call.x * call.inputs[1],
    "div": lambda call: call.x / call.inputs[1],
    "pow": lambda call: call.x.pow(call.inputs[1]),
    "min": lambda call: torch.minimum(call.x, call.inputs[1]),
    "max": lambda call: torch.maximum(call.x, call.inputs[1]),
    "prelu": lambda call: torch.where(call.x < 0, call.x * call.inputs[1], call.x),
    "clip": lambda call: call.x.clamp(call.node.number("low"), call.node.number("high")),
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "global_average_pool": lambda call: call.x.mean((2, 3), keepdim=True),
    "concat": _concat,
    "flatten": lambda call: call.x.flatten(1),
    "reshape": lambda call: call.x.reshape(call.x.shape[0], *call.node.type.shape[1:]),
    "pad": _pad,
    **ALGEBRA,
    "constant": lambda call: call.weights["value"],
    "identity": lambda call: call.x,
    "dropout": lambda call: F.dropout(
        call.x, call.node.number("probability"), training=call.training
    ),
    **{name: _activation(name) for name in _POINTWISE if name != "none"},
    **{name: _function(name) for name in _FUNCTIONS},
}
"""Operation of each op of `codegen.ir.ops.OPS`; values carry any batch size."""
