"""A convolution as constant offsets: which plane each weight reads, and how far shifted."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.lowering.layout import LINE_FLOATS, Layout, Margins


@dataclass(frozen=True)
class Tap:
    """One weight of a kernel: the phase whose plane it reads, and the shift there."""

    phase: tuple[int, int]
    dy: int
    dx: int


@dataclass(frozen=True)
class TapGeometry:
    """A convolution with stride s as one with stride 1 over s x s phase planes.

    Phase (fy, fx) holds the input's elements (s * y + fy, s * x + fx); with stride 1 it is the
    input itself. `taps` are in the order of the kernel's rows and columns.
    """

    stride: tuple[int, int]
    height: int
    width: int
    out_height: int
    out_width: int
    taps: tuple[Tap, ...]

    @property
    def phases(self) -> tuple[tuple[int, int], ...]:
        """The phases that any tap reads, in order."""
        return tuple(sorted({tap.phase for tap in self.taps}))

    @property
    def margins(self) -> Margins:
        """What the planes need so that every tap falls on data or zeros."""
        xs, ys = [tap.dx for tap in self.taps], [tap.dy for tap in self.taps]
        left = max(0, -min(xs))
        right = max(0, self.out_width + max(xs) - self.width)
        return Margins(
            row=max(self.out_width, self.width + max(left, right)),
            top=max(0, -min(ys)),
            bottom=max(0, self.out_height + max(ys) - self.height),
            left=left,
            reach=max(0, max(xs)),
        )

    def offset(self, tap: Tap, channel: int, channels: int, layout: Layout) -> int:
        """Elements from a position of the output to what the tap reads in the phase planes."""
        plane = self.phases.index(tap.phase) * channels + channel
        return plane * layout.plane + tap.dy * layout.row + tap.dx


def conv_taps(node: Node, in_shape: tuple[int, ...], kernel: tuple[int, int]) -> TapGeometry:
    """Tap geometry of a `conv` node.

    Args:
        node: the convolution.
        in_shape: (1, ic, h, w).
        kernel: (kh, kw).
    """
    stride, dilation = node.integers("stride"), node.integers("dilation")
    top, left, _, _ = node.integers("padding")
    taps = []
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            y, x = ky * dilation[0] - top, kx * dilation[1] - left
            phase = (y % stride[0], x % stride[1])
            taps.append(Tap(phase, y // stride[0], x // stride[1]))
    return TapGeometry(
        (stride[0], stride[1]),
        -(-in_shape[2] // stride[0]),
        -(-in_shape[3] // stride[1]),
        node.type.shape[2],
        node.type.shape[3],
        tuple(taps),
    )


def strided_margins(node: Node, in_shape: tuple[int, ...], kernel: tuple[int, int]) -> Margins:
    """What a strided `conv` node needs around its input where it reads that as it lies.

    Args:
        node: the convolution; its dilation is 1.
        in_shape: (1, ic, h, w).
        kernel: (kh, kw).
    """
    stride, (top, left, _, _) = node.integers("stride"), node.integers("padding")
    height, width = node.type.shape[2:]
    right = max(0, (width - 1) * stride[1] + kernel[1] - left - in_shape[3])
    return Margins(
        row=in_shape[3] + max(left, right),
        top=top,
        bottom=max(0, (height - 1) * stride[0] + kernel[0] - top - in_shape[2]),
        left=left,
        # One vector of outputs takes two of inputs, and the columns of the kernel behind them.
        reach=2 * LINE_FLOATS + kernel[1],
    )


def direct_margins(graph: Graph, node: Node, in_shape: tuple[int, ...]) -> Margins:
    """Zeros around the input of a convolution that reads it as it lies, strided or not.

    Args:
        graph: holds the weights.
        node: the convolution.
        in_shape: (1, ic, h, w).
    """
    kernel = graph.weights[node.weights["weight"]].values.shape[2:]
    top, left, _, _ = node.integers("padding")
    stride, dilation = node.integers("stride"), node.integers("dilation")
    ends = [
        (out - 1) * step + (size - 1) * spread - before - (held - 1)
        for out, step, size, spread, before, held in zip(
            node.type.shape[2:], stride, kernel, dilation, (top, left), in_shape[2:], strict=True
        )
    ]
    bottom, right = (max(0, end) for end in ends)
    return Margins(in_shape[3] + max(left, right), top, bottom, left, right)
