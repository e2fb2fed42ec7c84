"""Convolutions and pools of an ONNX file: one to three spatial axes, any padding and dilation."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from codegen.exchange.onnx_node import Constant, Flow, NodeRefusedError, OnnxNode
from codegen.exchange.onnx_scope import Scope
from codegen.exchange.onnx_shapes import reshaped
from codegen.ir.node import AttrValue

_MOST = 2**16
_SPATIAL = 3

Ints = tuple[int, ...]


@dataclass(frozen=True)
class _Window:
    """What slides over the picture, one number a spatial axis."""

    kernel: Ints
    stride: Ints
    dilation: Ints
    before: Ints
    behind: Ints

    def widened(self) -> _Window:
        """The same over pictures of one row."""
        return _Window(
            (1, *self.kernel),
            (1, *self.stride),
            (1, *self.dilation),
            (0, *self.before),
            (0, *self.behind),
        )

    @property
    def attrs(self) -> dict[str, AttrValue]:
        """Attributes that convolutions and pools of the IR share."""
        return {
            "stride": self.stride,
            "dilation": self.dilation,
            "padding": self.before + self.behind,
        }


def conv(scope: Scope, node: OnnxNode) -> Flow:
    """Conv, with its bias; one of rows is one of pictures of one row."""
    x, weight = _pictures(node), node.weights(1)
    window = _window(node, x, _kernel(node, x, weight))
    values = weight.array
    name = scope.name_of(node, weight)
    shape = x.type.shape
    if x.rank == 3:
        window, values = window.widened(), values[:, :, None]
        x = scope.add(f"{name}/picture", "reshape", x, shape=(*shape[:2], 1, shape[2]))
    keys = {"weight": scope.store(values, wanted=f"{name}.weight", constant=weight)}
    keys |= _bias(scope, node, name)
    groups = node.integer("group", 1)
    y = scope.add(name, "conv", x, weights=keys, groups=groups, **window.attrs)
    return _as_row(scope, y, f"{name}/row") if len(shape) == 3 else y


def conv_transpose(scope: Scope, node: OnnxNode) -> Flow:
    """ConvTranspose, with output_padding, output_shape and auto_pad."""
    x, weight = _pictures(node), node.weights(1)
    window, extra = _transposed_window(node, x, _kernel(node, x, weight))
    values = weight.array
    name = scope.name_of(node, weight)
    shape = x.type.shape
    if x.rank == 3:
        window, values, extra = window.widened(), values[:, :, None], (0, *extra)
        x = scope.add(f"{name}/picture", "reshape", x, shape=(*shape[:2], 1, shape[2]))
    keys = {"weight": scope.store(values, wanted=f"{name}.weight", constant=weight)}
    keys |= _bias(scope, node, name)
    y = scope.add(
        name,
        "conv_transpose",
        x,
        weights=keys,
        groups=node.integer("group", 1),
        output_padding=extra,
        **window.attrs,
    )
    return _as_row(scope, y, f"{name}/row") if len(shape) == 3 else y


def _bias(scope: Scope, node: OnnxNode, name: str) -> dict[str, str]:
    if node.optional_constant(2) is None:
        return {}
    bias = node.weights(2)
    return {"bias": scope.store(bias.array, wanted=f"{name}.bias", constant=bias)}


def _as_row(scope: Scope, y: Flow, name: str) -> Flow:
    batch, channels, _, width = y.type.shape
    return scope.add(name, "reshape", y, shape=(batch, channels, width))


def max_pool(scope: Scope, node: OnnxNode) -> Flow:
    """MaxPool; the order in which places are counted matters for its second output alone."""
    return _pool(scope, node, "max_pool")


def average_pool(scope: Scope, node: OnnxNode) -> Flow:
    """AveragePool."""
    counts = bool(node.integer("count_include_pad", 0))
    return _pool(scope, node, "average_pool", count_include_pad=counts)


def lp_pool(scope: Scope, node: OnnxNode) -> Flow:
    """LpPool."""
    return _pool(scope, node, "lp_pool", order=_order(node))


def _order(node: OnnxNode) -> int:
    order = node.integer("p", 2)
    if not 0 < order <= 64:
        msg = f"its p {order} is out of range"
        raise NodeRefusedError(msg)
    return order


def _pool(scope: Scope, node: OnnxNode, op: str, **attrs: AttrValue) -> Flow:
    x, kernel = _pictures(node), node.integers("kernel_shape")
    if kernel is None:
        msg = "its kernel_shape is missing"
        raise NodeRefusedError(msg)
    window = _window(node, x, _numbers(kernel, x.rank - 2, 1, 1, "kernel sizes"))
    reach = [d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
    if any(pad >= size for pad, size in zip(window.before + window.behind, reach * 2, strict=True)):
        msg = "its padding is as large as its window"
        raise NodeRefusedError(msg)
    name, shape = scope.name_of(node), x.type.shape
    up = bool(node.integer("ceil_mode", 0))
    if x.rank != 3:
        return scope.add(
            name, op, x, weights=None, kernel=window.kernel, ceil_mode=up, **window.attrs, **attrs
        )
    window = window.widened()
    x = scope.add(f"{name}/picture", "reshape", x, shape=(*shape[:2], 1, shape[2]))
    part = f"{name}/pool"
    y = scope.add(
        part, op, x, weights=None, kernel=window.kernel, ceil_mode=up, **window.attrs, **attrs
    )
    return _as_row(scope, y, name)


def global_average_pool(scope: Scope, node: OnnxNode) -> Flow:
    """GlobalAveragePool."""
    return _whole_planes(scope, node, "global_average_pool")


def global_max_pool(scope: Scope, node: OnnxNode) -> Flow:
    """GlobalMaxPool, as a pool of the picture's known size."""
    return _whole_planes(scope, node, "max_pool")


def global_lp_pool(scope: Scope, node: OnnxNode) -> Flow:
    """GlobalLpPool, as a pool of the picture's known size."""
    return _whole_planes(scope, node, "lp_pool", order=_order(node))


def _whole_planes(scope: Scope, node: OnnxNode, op: str, **attrs: AttrValue) -> Flow:
    """A pool of everything behind the channels, for other ranks than 4 as a picture of rows."""
    x, name = node.flow(), scope.name_of(node)
    if x.rank < 3:
        msg = f"it pools {x.type}, which has no axes behind the channels"
        raise NodeRefusedError(msg)
    shape, is_picture = x.type.shape, x.rank == 4
    if not is_picture:
        rows = (*shape[:2], prod(shape[2:-1]), shape[-1])
        x = scope.add(f"{name}/picture", "reshape", x, shape=rows)
    if op != "global_average_pool":
        attrs["kernel"] = x.type.shape[2:]
    y = scope.add(name if is_picture else f"{name}/pool", op, x, weights=None, **attrs)
    if is_picture:
        return y
    return reshaped(scope, name, y, (*shape[:2], *(1,) * (len(shape) - 2)))


def _pictures(node: OnnxNode) -> Flow:
    x = node.flow()
    if not 3 <= x.rank <= 2 + _SPATIAL:
        msg = f"it works on {x.type}; one to three spatial axes are supported"
        raise NodeRefusedError(msg)
    return x


def _kernel(node: OnnxNode, x: Flow, weight: Constant) -> Ints:
    kernel = weight.array.shape[2:]
    if len(kernel) != x.rank - 2 or (node.integers("kernel_shape") or kernel) != kernel:
        msg = f"its weight {weight.array.shape} does not fit its kernel_shape or input"
        raise NodeRefusedError(msg)
    return kernel


def _numbers(given: Ints | None, rank: int, least: int, default: int, what: str) -> Ints:
    """One number an axis, the default where none is given."""
    if given is None:
        return (default,) * rank
    if len(given) != rank or any(not least <= value <= _MOST for value in given):
        msg = f"its {what} {given} are out of range"
        raise NodeRefusedError(msg)
    return given


def _window(node: OnnxNode, x: Flow, kernel: Ints) -> _Window:
    """Strides, dilation and padding of a convolution or pool; from `auto_pad` where it is set."""
    sizes = x.type.shape[2:]
    rank = len(sizes)
    stride = _numbers(node.integers("strides"), rank, 1, 1, "strides")
    dilation = _numbers(node.integers("dilations"), rank, 1, 1, "dilations")
    mode = _auto_pad(node)
    if mode == "NOTSET":
        pads = _numbers(node.integers("pads"), 2 * rank, 0, 0, "paddings")
        return _Window(kernel, stride, dilation, pads[:rank], pads[rank:])
    none = (0,) * rank
    if mode == "VALID":
        return _Window(kernel, stride, dilation, none, none)
    totals = [
        max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True)
    ]
    return _Window(kernel, stride, dilation, *_shared(totals, is_more_behind=mode == "SAME_UPPER"))


def _transposed_window(node: OnnxNode, x: Flow, kernel: Ints) -> tuple[_Window, Ints]:
    """The window of a transposed convolution, and its output padding."""
    sizes = x.type.shape[2:]
    rank = len(sizes)
    stride = _numbers(node.integers("strides"), rank, 1, 1, "strides")
    dilation = _numbers(node.integers("dilations"), rank, 1, 1, "dilations")
    extra = _numbers(node.integers("output_padding"), rank, 0, 0, "output paddings")
    mode, wanted = _auto_pad(node), node.integers("output_shape")
    lists = (sizes, stride, dilation, kernel)
    full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(*lists, strict=True)]
    if wanted is not None:
        # Some exporters name batch and channels too.
        wanted = _numbers(wanted[-rank:], rank, 1, 1, "output sizes")
    elif mode.startswith("SAME"):
        wanted = tuple(n * s for n, s in zip(sizes, stride, strict=True))
    if wanted is None:
        default = None if mode == "NOTSET" else (0,) * (2 * rank)
        pads = _numbers(default or node.integers("pads"), 2 * rank, 0, 0, "paddings")
        return _Window(kernel, stride, dilation, pads[:rank], pads[rank:]), extra
    totals = [max(0, f + e - w) for f, e, w in zip(full, extra, wanted, strict=True)]
    before, behind = _shared(totals, is_more_behind=mode == "SAME_UPPER")
    extra = tuple(w - (f - total) for f, w, total in zip(full, wanted, totals, strict=True))
    return _Window(kernel, stride, dilation, before, behind), extra


def _auto_pad(node: OnnxNode) -> str:
    mode = node.text("auto_pad", "NOTSET") or "NOTSET"
    if mode not in {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}:
        msg = "its auto_pad is unknown; export with explicit padding"
        raise NodeRefusedError(msg)
    return mode


def _shared(totals: list[int], *, is_more_behind: bool) -> tuple[Ints, Ints]:
    """Padding before and behind; the odd pixel goes to one side."""
    less = tuple(total // 2 for total in totals)
    more = tuple(total - total // 2 for total in totals)
    return (less, more) if is_more_behind else (more, less)
