"""What a pattern layer costs filter by filter, to be compared with grouping its filters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.kernels.pattern_conv import ENTRIES, PATTERN_CONV
from codegen.lowering.layout import LINE_FLOATS
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

# Loads and multiplications overlap, though not wholly: a run's length is data, so that its end is
# often predicted wrong. The share is fitted to single layers of 16 to 256 channels.
_NOT_OVERLAPPED = 0.4
_STORE_CYCLES = 3.0


@dataclass(frozen=True)
class PatternPlan:
    """A schedule and what it should cost."""

    schedule: Schedule
    cycles: float


def plan_pattern(
    runs: int, kernels: int, filters: int, vectors: int, target: Target
) -> PatternPlan:
    """The cheapest tile width by the cost model.

    Args:
        runs: runs of kernels that share an input channel and a pattern.
        kernels: kernels that are not empty.
        filters: filters of the layer.
        vectors: vectors of one output plane.
        target: gives tiles and lanes.
    """
    loads = 1 + target.vector_floats / LINE_FLOATS

    def tile_cycles(width: int) -> float:
        products = kernels * ENTRIES * width / 2
        per_kernel = max((width + ENTRIES + 1) / 2, width)
        moved = runs * ENTRIES * width * loads / 2 + kernels * per_kernel
        least, most = sorted((products, moved))
        return most + _NOT_OVERLAPPED * least + filters * width * _STORE_CYCLES

    best = (math.inf, 1)
    for width in range(1, PATTERN_CONV.tiles[target.registers][0][1] + 1):
        full, rest = divmod(vectors, width)
        cycles = full * tile_cycles(width) + (tile_cycles(rest) if rest else 0.0)
        best = min(best, (cycles, width))
    return PatternPlan(Schedule("pattern", 1, best[1]), best[0])
