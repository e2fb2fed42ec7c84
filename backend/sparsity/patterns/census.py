"""A net's patterns counted: histogram over the universe, and what the first k of them cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.sparsity.patterns.energy import PatternEnergies
from backend.sparsity.patterns.natural import natural_histogram
from backend.sparsity.patterns.universe import ENTRIES, universe
from codegen.errors import PlanError
from codegen.ir.graph import Graph


@dataclass(frozen=True)
class CensusRow:
    """One pattern, in the order of frequency.

    Attributes:
        pattern: its mask.
        count: kernels whose natural pattern it is.
        share: of all kernels, 0 to 1.
        covered: share of kernels whose natural pattern is this or an earlier one.
        energy: share of squared weight kept when kernels choose among this and the earlier ones.
    """

    pattern: int
    count: int
    share: float
    covered: float
    energy: float


def census(graph: Graph, entries: int = ENTRIES, *, centre: bool = True) -> tuple[CensusRow, ...]:
    """Count a net's natural patterns; one row a pattern of the universe.

    Raises:
        PlanError: the net has no 3x3 convolutions.
    """
    everything = universe(entries, centre=centre)
    counts = natural_histogram(graph, entries, centre=centre)
    if not counts:
        msg = f"{graph.name!r} has no 3x3 convolutions to take patterns from"
        raise PlanError(msg)
    energies = PatternEnergies.of(graph, everything)
    order = [*counts, *(p for p in everything.patterns if p not in counts)]
    columns = [energies.index[pattern] for pattern in order]
    best = np.maximum.accumulate(energies.kept[:, columns], axis=1)
    kept = best.sum(axis=0, dtype=np.float64) / energies.total
    total, covered, rows = sum(counts.values()), 0, []
    for pattern, energy in zip(order, kept.tolist(), strict=True):
        count = counts.get(pattern, 0)
        covered += count
        rows.append(CensusRow(pattern, count, count / total, covered / total, energy))
    return tuple(rows)
