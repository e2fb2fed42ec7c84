"""Cycles of one thread that group convolutions take, by counting what their instructions occupy.

Two FMAs a cycle; a load that crosses a cache line, and a prefetch, take their share of the loads.
Neither hides the other wholly: the two weights are fitted to tiles 8x2, 8x3, 4x4 and 4x6 (AVX2:
4x3) of 3x3 layers on a Xeon of the Sapphire Rapids kind (3.4 GHz, full-width AVX-512), within 6 %.
Every strategy states its cycles on that processor, so that they can be compared; for other targets
only the ratios matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.lowering.layout import LINE_FLOATS

_FMA_WEIGHT = 0.52
_LOAD_WEIGHT = 0.875
_FMA_LATENCY = 4.0
_COPY_CYCLES = 1.5
_SPREAD_CYCLES = 2.5
ODD_CYCLES = 1.0
"""Of one offset, for a position whose filters are the lanes of a vector."""
_STORE_CYCLES = 1.5
_GROUP_CYCLES = 14.0


@dataclass(frozen=True)
class Tiling:
    """A tile width and what a layer costs with it."""

    vectors: int
    cycles: float


def offset_cycles(rows: int, vectors: int, lanes: int) -> float:
    """Cycles that one offset occupies: load `vectors` inputs, broadcast `rows` weights, multiply.

    What a loop over consecutive planes reaches; see `scattered_cycles` for any others.
    """
    loads = vectors * (1 + lanes / LINE_FLOATS) + rows
    return max(rows * vectors / 2, loads / 2, _FMA_LATENCY)


def scattered_cycles(rows: int, vectors: int, lanes: int) -> float:
    """The same where offsets are data: they are loaded, and inputs of later ones fetched ahead."""
    lines = math.ceil(vectors * lanes / LINE_FLOATS) + 1
    loads = vectors * (1 + lanes / LINE_FLOATS) + rows + lines + 2
    # Three loads of 32 bytes a cycle, two of 64; ARM cores have two at most.
    cycles = loads / (3 if lanes == LINE_FLOATS // 2 else 2)
    products = rows * vectors / 2
    return max(products, _FMA_WEIGHT * products + _LOAD_WEIGHT * cycles, _FMA_LATENCY)


def copy_cycles(planes: int, height: int, width: int, lanes: int) -> float:
    """Cycles of copying planes without their pad columns, row by row."""
    return _COPY_CYCLES * planes * height * math.ceil(width / lanes)


def spread_cycles(filters: int, height: int, width: int, lanes: int) -> float:
    """Cycles of bringing sums without pad columns into padded planes, row by row."""
    return _SPREAD_CYCLES * filters * height * math.ceil(width / lanes)


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
    return offsets * scattered_cycles(rows, vectors, lanes) + groups * edge
