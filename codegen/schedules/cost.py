"""Cycles that a tile takes, by counting what its instructions occupy.

The model counts two FMAs and two loads a cycle, a load that crosses a cache line twice, and four
cycles until a sum can be added to again; kernels.md 5.1 gives the measured counterpart. Only
ratios matter, so the same numbers serve every target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.lowering.layout import LINE_FLOATS

_FMA_LATENCY = 4.0
_STORE_CYCLES = 1.5
_GROUP_CYCLES = 14.0


@dataclass(frozen=True)
class Tiling:
    """A tile width and what a layer costs with it."""

    vectors: int
    cycles: float


def offset_cycles(rows: int, vectors: int, lanes: int) -> float:
    """Cycles of one offset: load `vectors` inputs, broadcast `rows` weights, multiply all."""
    loads = vectors * (1 + lanes / LINE_FLOATS) + rows
    return max(rows * vectors / 2, loads / 2, _FMA_LATENCY)


def best_tiling(
    *,
    rows: int,
    most_vectors: int,
    lanes: int,
    offsets: int,
    groups: int,
    vectors: int,
    wanted: int | None = None,
) -> Tiling:
    """The tile width that takes the fewest cycles.

    Args:
        rows: filters in a group.
        most_vectors: widest tile the microkernel has.
        lanes: f32 lanes of a vector.
        offsets: offsets of all groups together.
        groups: number of groups.
        vectors: vectors of one plane.
        wanted: take this width and no other.
    """
    found = Tiling(1, math.inf)
    for width in range(1, most_vectors + 1) if wanted is None else (wanted,):
        full, rest = divmod(vectors, width)
        cycles = full * _tile_cycles(rows, width, lanes, offsets, groups)
        if rest:
            cycles += _tile_cycles(rows, rest, lanes, offsets, groups)
        if cycles < found.cycles:
            found = Tiling(width, cycles)
    return found


def _tile_cycles(rows: int, vectors: int, lanes: int, offsets: int, groups: int) -> float:
    edge = _GROUP_CYCLES + _STORE_CYCLES * rows * vectors
    return offsets * offset_cycles(rows, vectors, lanes) + groups * edge
