"""Cycles of depthwise convolutions on one thread."""

from __future__ import annotations

import math

from codegen.lowering.layout import LINE_FLOATS

_STORE_CYCLES = 1.5
_VECTOR_CYCLES = 6.0
_FMA_LATENCY = 4.0
_SPLIT_CYCLES = 12.0
"""Of one vector of input that is copied to its phase: most often it goes to memory and back."""


def split_cycles(pixels: int, lanes: int) -> float:
    """Cycles to split a plane of so many pixels into phases."""
    return _SPLIT_CYCLES * pixels / lanes


def depthwise_cycles(channels: int, taps: float, vectors: int, most_vectors: int) -> float:
    """Cycles of the kernel for any taps; vectors that fill no tile wait for their own sums.

    Args:
        channels: channels, each with weights of its own.
        taps: weights of a channel, on average.
        vectors: vectors of flat positions of a plane.
        most_vectors: vectors of a tile.
    """
    full, rest = divmod(vectors, most_vectors)
    products = taps * (full * most_vectors + rest * _FMA_LATENCY)
    return channels * (products + vectors * _STORE_CYCLES)


def depthwise_rows_cycles(
    channels: int, size: tuple[int, int], kernel: int, stride: int, rows: int, lanes: int
) -> float:
    """Cycles of a layer on one thread: multiplications, or loads where there are more of them.

    Args:
        channels: channels, each with a kernel of its own.
        size: rows and columns of the output.
        kernel: rows, and columns, of a kernel.
        stride: 1 or 2.
        rows: most rows of a strip.
        lanes: f32 lanes of a vector.
    """
    height, width = size
    columns = math.ceil(width / lanes)
    full, rest = divmod(height, rows)
    strips = [rows] * full + [1 << bit for bit in range(rest.bit_length()) if rest >> bit & 1]
    cycles = 0.0
    for strip in strips:
        read = (strip - 1) * stride + kernel
        # Two columns of a kernel come from two loads and two shuffles where the stride is 2.
        loads = read * kernel if stride == 1 else read * 2 * math.ceil(kernel / 2)
        shuffles = 0 if stride == 1 else read * kernel
        moved = (loads * (1 + lanes / LINE_FLOATS) + kernel * kernel) / 2
        products = (kernel * kernel * strip + shuffles) / 2
        cycles += max(moved, products) + strip * _STORE_CYCLES + _VECTOR_CYCLES
    return channels * columns * cycles
