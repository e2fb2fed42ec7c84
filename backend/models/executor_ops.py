"""What each operation of the IR means, in torch: one function a row of the table."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.models.executor_algebra import ALGEBRA
from backend.models.executor_call import Call, Operation
from backend.models.executor_movement import MOVEMENT
from backend.models.executor_pools import POOLS, padded

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


_CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def _conv(call: Call) -> Tensor:
    node, x = call.node, call.x
    rank = x.dim() - 2
    before, behind = node.integers("padding")[:rank], node.integers("padding")[rank:]
    if before != behind:
        x, before = padded(x, before, behind, 0.0), (0,) * rank
    y = _CONV[rank](
        x,
        call.weights["weight"],
        call.weights.get("bias"),
        node.integers("stride"),
        before,
        node.integers("dilation"),
        node.integer("groups"),
    )
    if len(call.inputs) == 2:
        y = y + call.inputs[1]
    return _fused(call, y)


def _conv_transpose(call: Call) -> Tensor:
    node, x = call.node, call.x
    rank = x.dim() - 2
    whole = _CONV_TRANSPOSE[rank](
        x,
        call.weights["weight"],
        stride=node.integers("stride"),
        groups=node.integer("groups"),
        dilation=node.integers("dilation"),
    )
    before = node.integers("padding")[:rank]
    sizes = zip(node.type.shape[2:], whole.shape[2:], before, strict=True)
    behind = tuple(out - (full - less) for out, full, less in sizes)
    y = padded(whole, tuple(-less for less in before), behind, 0.0)
    if "bias" in call.weights:
        y = y + call.weights["bias"].reshape(-1, *(1,) * rank)
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
    "conv_transpose": _conv_transpose,
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
    **POOLS,
    **MOVEMENT,
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
