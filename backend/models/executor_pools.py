"""Pools in torch: of one to three spatial axes, any padding, dilated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.models.executor_call import Call, Operation

_MAX: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def padded(x: Tensor, before: tuple[int, ...], behind: tuple[int, ...], value: float) -> Tensor:
    """Constant padding of the last axes; negative sizes cut off."""
    sides = [size for pair in zip(before, behind, strict=True) for size in pair[::-1]]
    return F.pad(x, sides[::-1], value=value)


class _Window:
    """The window of one pool, and its padding with what `ceil_mode` needs more behind."""

    def __init__(self, call: Call) -> None:
        node = call.node
        self.kernel, self.stride, self.dilation = (
            node.integers(key) for key in ("kernel", "stride", "dilation")
        )
        padding, rank = node.integers("padding"), len(self.kernel)
        self.before, self.given = padding[:rank], padding[rank:]
        self.ceil = bool(node.attrs["ceil_mode"])
        needs = (
            (out - 1) * s + d * (k - 1) + 1 - size - before
            for out, s, d, k, size, before in zip(
                node.type.shape[2:],
                self.stride,
                self.dilation,
                self.kernel,
                call.x.shape[2:],
                self.before,
                strict=True,
            )
        )
        self.behind = tuple(max(pair) for pair in zip(self.given, needs, strict=True))
        # What torch's own pooling takes: symmetric padding of at most half a window.
        self.is_plain = self.before == self.given and all(
            2 * pad <= k for pad, k in zip(self.before, self.kernel, strict=True)
        )
        self.is_dilated = any(step > 1 for step in self.dilation)


def _max_pool(call: Call) -> Tensor:
    window = _Window(call)
    pool = _MAX[len(window.kernel)]
    if window.is_plain:
        return pool(
            call.x, window.kernel, window.stride, window.before, window.dilation, window.ceil
        )
    x = padded(call.x, window.before, window.behind, float("-inf"))
    return pool(x, window.kernel, window.stride, 0, window.dilation)


def _average_pool(call: Call) -> Tensor:
    window = _Window(call)
    counts_padding = bool(call.node.attrs["count_include_pad"])
    if window.is_plain and not window.is_dilated:
        pool = _AVERAGE[len(window.kernel)]
        return pool(
            call.x, window.kernel, window.stride, window.before, window.ceil, counts_padding
        )
    total = _sums(padded(call.x, window.before, window.behind, 0.0), window)
    # Pixels that `ceil_mode` alone added are never counted, as in torch.
    ones = torch.ones_like(call.x[:1, :1])
    none = (0,) * len(window.kernel)
    extra = tuple(have - want for have, want in zip(window.behind, window.given, strict=True))
    counted = padded(ones, window.before, window.given, float(counts_padding))
    divisor = _sums(padded(counted, none, extra, 0.0), window)
    return total / divisor.clamp(min=1.0)


def _lp_pool(call: Call) -> Tensor:
    window = _Window(call)
    order = call.node.integer("order")
    powers = padded(call.x.abs() ** order, window.before, window.behind, 0.0)
    return _sums(powers, window) ** (1.0 / order)


def _sums(x: Tensor, window: _Window) -> Tensor:
    """Sums of windows, one axis after the other."""
    lists = zip(window.kernel, window.stride, window.dilation, strict=True)
    for axis, (kernel, stride, dilation) in enumerate(lists, start=2):
        count = (x.shape[axis] - dilation * (kernel - 1) - 1) // stride + 1
        parts = [
            x.narrow(axis, tap * dilation, (count - 1) * stride + 1)[
                (slice(None),) * axis + (slice(None, None, stride),)
            ]
            for tap in range(kernel)
        ]
        x = torch.stack(parts).sum(0)
    return x


POOLS: dict[str, Operation] = {
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "lp_pool": _lp_pool,
    "global_average_pool": lambda call: call.x.mean((2, 3), keepdim=True),
}
"""Pools over windows, and over whole planes."""
