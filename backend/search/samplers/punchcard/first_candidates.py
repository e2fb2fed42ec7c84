"""The first part of the budget: spread along the exact front of the tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.latency_front import latency_front
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options
from backend.search.samplers.punchcard.plain_objective import Expected
from backend.search.samplers.punchcard.situation import Situation

EXPONENTS = (2.0, 1.0, 3.0)
"""Of the damage table, in turns: how much faster than the table accuracy falls is not known yet."""


@dataclass(frozen=True)
class FirstCandidates:
    """Points of the tables' front (papers.md 7.3 step 4).

    Each is the one farthest in log-latency from all that was tried. What loses more by the table
    than a candidate that already fell below the reference accuracy is left out.

    Attributes:
        damage: (columns,) the table as it came.
        expected: milliseconds.
        worst: objective at and above which the first objective is of no use.
        slowest_ms: latency at and above which nobody wants a candidate.
    """

    options: Options
    damage: FloatArray
    expected: Expected
    worst: float
    slowest_ms: float

    def next(self, now: Situation) -> IntArray | None:
        """Columns of the next candidate; None where the front has nothing new to offer."""
        begun = np.concatenate([now.rows, now.pending])
        exponent = EXPONENTS[len(begun) % len(EXPONENTS)]
        rows = latency_front(
            self.options,
            np.maximum(self.damage, 0.0) ** exponent,
            self.expected.table,
            self.expected.neighbours,
        )
        rows = now.new_ones(rows)
        useless = now.rows[now.values[:, 0] >= self.worst]
        limit = self.damage[useless].sum(axis=1).min(initial=np.inf)
        ms = self._ms(rows)
        keep = (self.damage[rows].sum(axis=1) < limit) & (ms < self.slowest_ms)
        if not keep.any():
            return None
        rows, ms = rows[keep], ms[keep]
        placed = np.concatenate([[self.slowest_ms], self._ms(begun)])
        if not len(begun):
            placed = np.append(placed, ms.min())
        gap = np.abs(np.log(ms)[:, None] - np.log(np.maximum(placed, 1e-9))).min(axis=1)
        return np.asarray(rows[gap.argmax()])

    def _ms(self, rows: IntArray) -> FloatArray:
        return np.maximum(self.expected.sums(rows), 1e-9)
