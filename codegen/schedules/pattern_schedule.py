"""What a pattern layer costs filter by filter, to be compared with grouping its filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from codegen.formats.fkw import Fkw
from codegen.kernels.pattern_conv import ENTRIES, PATTERN_CONV, PATTERN_ROWS, RUN_CONV
from codegen.lowering.layout import LINE_FLOATS
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target


@dataclass(frozen=True)
class KernelCounts:
    """What the cost of FKW weights depends on."""

    kernels: int
    runs: int
    windows: int
    filters: int

    @classmethod
    def of(cls, packed: Fkw) -> KernelCounts:
        """Count; a window is what one block of filters reads of one channel."""
        filters, channels, _ = packed.shape
        windows = packed.blocks * channels
        return cls(len(packed.filters), len(packed.run_lengths), windows, filters)


@dataclass(frozen=True)
class PatternPlan:
    """A schedule and what it should cost."""

    schedule: Schedule
    cycles: float


@dataclass(frozen=True)
class _Cycles:
    """Cycles on one thread; a core does two FMAs in one.

    Attributes:
        sum_vector: one vector of sums of one kernel: four FMAs, a load and a store.
        run: whatever a run costs beside its kernels; its end is often predicted wrong.
        load: one vector of inputs, by the cycles that two loads a cycle would take.
    """

    sum_vector: float
    run: float
    load: float


# Fitted to single layers of 64 to 512 channels pruned to 8.1x, within 14 %. Stores of
# full width get in the way of FMAs where vectors are as wide as a cache line.
_PATTERN = {True: _Cycles(3.33, 0.0, 2.03), False: _Cycles(2.4, 9.0, 1.2)}
_RUNS = {True: _Cycles(2.43, 0.0, 1.42), False: _Cycles(2.32, 0.0, 1.17)}
_PATTERN_ROWS = {True: _Cycles(3.5, 0.0, 0.0), False: _Cycles(2.3, 9.0, 1.2)}
"""By whether a vector is as wide as a cache line."""

_WINDOW_TAPS = 9
_STORE_CYCLES = 3.0
_TILE_CYCLES = 100.0


def plan_pattern(counts: KernelCounts, vectors: int, target: Target) -> PatternPlan:
    """The cheapest tile width of the microkernel that has the patterns in its code.

    Args:
        counts: of the packed weights.
        vectors: vectors of one output plane.
        target: gives tiles and lanes.
    """
    cycles = _PATTERN[target.vector_floats == LINE_FLOATS]

    def tile_cycles(width: int) -> float:
        loads = counts.windows * _WINDOW_TAPS * width * _load_cycles(target)
        sums = counts.kernels * width
        return sums * cycles.sum_vector + counts.runs * cycles.run + loads * cycles.load

    most = PATTERN_CONV.tiles[target.registers][0][1]
    return _cheapest("pattern", counts, most, vectors, tile_cycles)


def plan_pattern_rows(
    counts: KernelCounts, height: int, row: int, target: Target
) -> PatternPlan | None:
    """The microkernel over strips of rows; None where the rows do not divide.

    Args:
        counts: of the packed weights.
        height: rows of the output.
        row: elements between rows.
        target: gives tiles and lanes.
    """
    ((rows, _),) = PATTERN_ROWS.tiles[target.registers]
    if height % rows:
        return None
    cycles = _PATTERN_ROWS[target.vector_floats == LINE_FLOATS]
    loads = counts.windows * (rows + 2) * 3 * _load_cycles(target)
    tile = (
        counts.kernels * rows * cycles.sum_vector
        + counts.runs * cycles.run
        + loads * cycles.load
        + counts.filters * rows * _STORE_CYCLES
        + _TILE_CYCLES
    )
    tiles = height // rows * -(-row // target.vector_floats)
    return PatternPlan(Schedule("pattern_rows", rows, 1), tiles * tile)


def plan_runs(counts: KernelCounts, vectors: int, target: Target) -> PatternPlan:
    """The same for the microkernel that takes patterns as data."""
    cycles = _RUNS[target.vector_floats == LINE_FLOATS]

    def tile_cycles(width: int) -> float:
        loads = counts.runs * ENTRIES * width * _load_cycles(target)
        sums = counts.kernels * width
        return sums * cycles.sum_vector + counts.runs * cycles.run + loads * cycles.load

    most = RUN_CONV.tiles[target.registers][0][1]
    return _cheapest("runs", counts, most, vectors, tile_cycles)


def _load_cycles(target: Target) -> float:
    """Two loads a cycle; one that crosses a cache line counts twice."""
    return (1 + target.vector_floats / LINE_FLOATS) / 2


def _cheapest(
    name: str,
    counts: KernelCounts,
    most: int,
    vectors: int,
    tile_cycles: Callable[[int], float],
) -> PatternPlan:
    def whole_tile(width: int) -> float:
        return tile_cycles(width) + counts.filters * width * _STORE_CYCLES + _TILE_CYCLES

    best = (math.inf, 1)
    for width in range(1, most + 1):
        # Tiles are made as even as whole vectors allow.
        tiles = -(-vectors // width)
        narrow, wider = divmod(vectors, tiles)
        cycles = (tiles - wider) * whole_tile(narrow)
        cycles += wider * whole_tile(narrow + 1) if wider else 0.0
        best = min(best, (cycles, width))
    return PatternPlan(Schedule(name, 1, best[1]), best[0])
