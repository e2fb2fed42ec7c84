"""Everything a proposal follows from, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.search.samplers.punchcard.options import BoolArray, FloatArray, IntArray, Options

NEAR_SHARE = 0.75  # of the trials a model keeps: nearest to the front; the others are the newest


@dataclass(frozen=True)
class Situation:
    """A study at the moment of a proposal.

    Attributes:
        rows: (finished, layers) candidates with results.
        values: (finished, objectives) their results, all to be minimised.
        cross_entropy: (finished,) validation cross-entropies, NaN where a trial has none.
        over: by constraint, (finished,) how far each is over it; 0 or less is within.
        layer_ms: (finished,) for each a mapping of steps to measured milliseconds.
        pending: (running, layers) candidates whose results are to come.
        tried: bytes of the rows of all candidates ever tried, failed ones too.
    """

    options: Options
    rows: IntArray
    values: FloatArray
    cross_entropy: FloatArray
    over: Mapping[str, FloatArray]
    layer_ms: npt.NDArray[np.object_]
    pending: IntArray
    tried: frozenset[bytes]

    @property
    def finished(self) -> int:
        """Number of candidates with results."""
        return int(self.rows.shape[0])

    @property
    def is_feasible(self) -> BoolArray:
        """Which results keep every constraint: (finished,)."""
        keep = np.ones(self.finished, dtype=bool)
        for over in self.over.values():
            keep &= over <= 0
        return keep

    def at(self, which: IntArray | slice) -> Situation:
        """With some of the finished trials only."""
        return replace(
            self,
            rows=self.rows[which],
            values=self.values[which],
            cross_entropy=self.cross_entropy[which],
            over={name: over[which] for name, over in self.over.items()},
            layer_ms=self.layer_ms[which],
        )

    def at_most(self, count: int) -> Situation:
        """No more than `count` finished trials: those nearest to the front, and the newest."""
        if self.finished <= count:
            return self
        near = int(NEAR_SHARE * count)
        newest = np.arange(self.finished - (count - near), self.finished)
        older = np.arange(self.finished - (count - near))
        order = np.argsort(distance_to_front(self.values)[older], kind="stable")
        return self.at(np.sort(np.concatenate([older[order[:near]], newest])))

    def new_ones(self, rows: IntArray) -> IntArray:
        """Rows that were never tried, each once."""
        seen: set[bytes] = set()
        kept = []
        for index, row in enumerate(np.ascontiguousarray(rows)):
            key = row.tobytes()
            if key not in self.tried and key not in seen:
                seen.add(key)
                kept.append(index)
        return rows[np.array(kept, dtype=np.int64)]


def not_dominated(values: FloatArray) -> IntArray:
    """Numbers of the points (n, objectives) that no other beats; all of equal ones."""
    left = np.argsort(values.sum(axis=1), kind="stable")
    found = []
    while left.size:
        best, left = left[0], left[1:]
        found.append(int(best))
        better = (values[left] < values[best]).any(axis=1)
        left = left[better | (values[left] == values[best]).all(axis=1)]
    return np.array(sorted(found), dtype=np.int64)


def distance_to_front(values: FloatArray) -> FloatArray:
    """How much each point (n, objectives) had to gain in every objective to stand on the front.

    Objectives are divided by their range over the front, or over all where it has none.
    """
    front = values[not_dominated(values)]
    size = np.ptp(front, axis=0)
    size = np.where(size > 0, size, np.maximum(np.ptp(values, axis=0), 1e-12))
    far = np.full(values.shape[0], np.inf)
    for point in front:
        far = np.minimum(far, ((values - point) / size).max(axis=1))
    return far
