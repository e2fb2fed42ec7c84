"""Cycles of a dense convolution over planes, and the positions that a block takes."""

from __future__ import annotations

import math

from codegen.kernels.dense_conv import DENSE_CONV
from codegen.schedules.cost import offset_cycles
from codegen.targets.target import Target

_BLOCK_FLOATS = 1 << 18
"""Input of a block of positions, over all channels: half of a level-2 cache of 2 MiB."""
_TILE_CYCLES = 8.0
_STORE_CYCLES = 1.5


def dense_block(channels: int, vectors: int, target: Target) -> int:
    """Vectors of flat positions in a block: whole tiles, blocks of even size.

    Args:
        channels: planes that are read.
        vectors: vectors of one plane.
        target: gives tiles and lanes.
    """
    _, width = DENSE_CONV.tiles[target.registers][0]
    most = max(width, _BLOCK_FLOATS // (channels * target.vector_floats))
    blocks = math.ceil(vectors / most)
    return math.ceil(vectors / blocks / width) * width


def dense_cycles(filters: int, columns: int, vectors: int, target: Target, block: int) -> float:
    """Cycles of a layer on one thread.

    Args:
        filters: filters.
        columns: weights of a filter.
        vectors: vectors of one output plane.
        target: gives tiles and lanes.
        block: vectors of a block.
    """
    rows, width = DENSE_CONV.tiles[target.registers][0]
    groups = math.ceil(filters / rows)

    def cycles_of(count: int) -> float:
        full, rest = divmod(count, width)
        widths = [width] * full + ([rest] if rest else [])
        if rest == 1 and full:
            widths = [width] * (full - 1) + [width - 1] * 2
        return sum(
            columns * offset_cycles(rows, one, target.vector_floats)
            + _TILE_CYCLES
            + _STORE_CYCLES * rows * one
            for one in widths
        )

    full, rest = divmod(vectors, block)
    return groups * (full * cycles_of(block) + cycles_of(rest))
