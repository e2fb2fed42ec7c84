"""Layers of an ONNX file: convolutions, linear layers, batch norm, pools."""

from __future__ import annotations

from codegen.exchange.onnx_node import Flow, NodeRefusedError, OnnxNode
from codegen.exchange.onnx_scope import Scope
from codegen.ir.node import AttrValue

_ONLY_PICTURES = "only convolutions and pools of (batch, channel, y, x) are supported"


def _two(values: tuple[int, ...] | None, least: int, default: int, what: str) -> tuple[int, int]:
    if values is None:
        return default, default
    if len(values) != 2 or any(not least <= value <= 2**16 for value in values):
        msg = f"its {what} {values} are out of range; {_ONLY_PICTURES}"
        raise NodeRefusedError(msg)
    return values[0], values[1]


def _padding(
    node: OnnxNode,
    size: tuple[int, ...],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) from `pads` or from `auto_pad` and the known picture size."""
    mode = node.text("auto_pad", "NOTSET")
    if mode in {"NOTSET", ""}:
        pads = node.integers("pads") or (0, 0, 0, 0)
        if len(pads) != 4 or any(not 0 <= pad <= 2**16 for pad in pads):
            msg = f"its padding {pads} is out of range; {_ONLY_PICTURES}"
            raise NodeRefusedError(msg)
        return pads[0], pads[1], pads[2], pads[3]
    if mode == "VALID":
        return 0, 0, 0, 0
    if mode not in {"SAME_UPPER", "SAME_LOWER"}:
        msg = "its auto_pad is unknown; export with explicit padding"
        raise NodeRefusedError(msg)
    before, after = [], []
    for extent, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        need = max(0, (-(-extent // s) - 1) * s + d * (k - 1) + 1 - extent)
        less, more = need // 2, need - need // 2
        before.append(less if mode == "SAME_UPPER" else more)
        after.append(more if mode == "SAME_UPPER" else less)
    return before[0], before[1], after[0], after[1]


def conv(scope: Scope, node: OnnxNode) -> Flow:
    """Conv, with its bias."""
    x, weight = node.flow(rank=4), node.weights(1)
    if weight.array.ndim != 4:
        raise NodeRefusedError(_ONLY_PICTURES)
    kernel = (weight.array.shape[2], weight.array.shape[3])
    if (node.integers("kernel_shape") or kernel) != kernel:
        msg = "its kernel_shape differs from its weight"
        raise NodeRefusedError(msg)
    stride = _two(node.integers("strides"), 1, 1, "strides")
    dilation = _two(node.integers("dilations"), 1, 1, "dilations")
    name = scope.name_of(node, weight)
    keys = {"weight": scope.store(weight.array, wanted=f"{name}.weight", constant=weight)}
    if node.optional_constant(2) is not None:
        bias = node.weights(2)
        keys["bias"] = scope.store(bias.array, wanted=f"{name}.bias", constant=bias)
    return scope.add(
        name,
        "conv",
        x,
        weights=keys,
        stride=stride,
        dilation=dilation,
        padding=_padding(node, x.type.shape[2:], kernel, stride, dilation),
        groups=node.integer("group", 1),
    )


def batch_norm(scope: Scope, node: OnnxNode) -> Flow:
    """BatchNormalization at inference."""
    x = node.flow()
    if x.rank < 2:
        msg = f"{x.type} has no axis of channels"
        raise NodeRefusedError(msg)
    if node.integer("training_mode", 0):
        msg = "it is in training mode; call model.eval() before exporting"
        raise NodeRefusedError(msg)
    roles = ("gamma", "beta", "mean", "variance")
    suffixes = ("weight", "bias", "running_mean", "running_var")
    found = [node.weights(index + 1) for index in range(4)]
    name = scope.name_of(node, found[0])
    keys = {
        role: scope.store(value.array, wanted=f"{name}.{suffix}", constant=value)
        for role, suffix, value in zip(roles, suffixes, found, strict=True)
    }
    epsilon = node.number("epsilon", 1e-5)
    return scope.add(name, "batch_norm", x, weights=keys, epsilon=epsilon)


def max_pool(scope: Scope, node: OnnxNode) -> Flow:
    """MaxPool without dilation."""
    return _pool(scope, node, "max_pool")


def average_pool(scope: Scope, node: OnnxNode) -> Flow:
    """AveragePool."""
    return _pool(
        scope, node, "average_pool", count_include_pad=bool(node.integer("count_include_pad", 0))
    )


def _pool(scope: Scope, node: OnnxNode, op: str, **attrs: bool) -> Flow:
    x = node.flow(rank=4)
    if node.integers("kernel_shape") is None:
        msg = "its kernel_shape is missing"
        raise NodeRefusedError(msg)
    kernel = _two(node.integers("kernel_shape"), 1, 1, "kernel sizes")
    stride = _two(node.integers("strides"), 1, 1, "strides")
    if _two(node.integers("dilations"), 1, 1, "dilations") != (1, 1):
        msg = "pools with dilation are not supported"
        raise NodeRefusedError(msg)
    padding = _padding(node, x.type.shape[2:], kernel, stride)
    if any(pad >= size for pad, size in zip(padding, kernel * 2, strict=True)):
        msg = "its padding is as large as its window"
        raise NodeRefusedError(msg)
    ceil_mode = bool(node.integer("ceil_mode", 0))
    name = scope.name_of(node)
    window: dict[str, AttrValue] = {
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
    }
    return scope.add(name, op, x, weights=None, **window, **attrs)


def global_average_pool(scope: Scope, node: OnnxNode) -> Flow:
    """GlobalAveragePool."""
    return scope.simple(node, "global_average_pool", node.flow(rank=4))


def global_max_pool(scope: Scope, node: OnnxNode) -> Flow:
    """GlobalMaxPool, as a pool of the picture's known size."""
    x = node.flow(rank=4)
    return scope.add(scope.name_of(node), "max_pool", x, kernel=x.type.shape[2:])
