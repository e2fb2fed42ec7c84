"""How far predictions lie from measurements, as it is shown beside every prediction."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PredictionError:
    """Errors over candidates that the prediction did not learn from.

    Attributes:
        median: of |predicted - measured| / measured.
        spearman: rank correlation of predicted and measured; 0 below three candidates.
        count: candidates.
        largest: of the relative errors.
    """

    median: float
    spearman: float
    count: int
    largest: float

    @classmethod
    def of(cls, predicted: Sequence[float], measured: Sequence[float]) -> PredictionError | None:
        """The error of some predictions; None where there are none."""
        if not measured:
            return None
        errors = [abs(a - b) / b for a, b in zip(predicted, measured, strict=True)]
        return cls(
            statistics.median(errors), spearman(predicted, measured), len(errors), max(errors)
        )

    @classmethod
    def of_pairs(cls, pairs: Sequence[tuple[float, float]]) -> PredictionError | None:
        """The error of (predicted, measured) pairs; None where there are none."""
        return cls.of([pair[0] for pair in pairs], [pair[1] for pair in pairs])

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> PredictionError:
        """Read what `to_json` wrote."""
        return cls(
            float(found["median"]),
            float(found["spearman"]),
            int(found["count"]),
            float(found["largest"]),
        )

    @property
    def words(self) -> str:
        """For people: 'median 2.3 %, Spearman 0.989, 100 candidates'."""
        plural = "candidate" if self.count == 1 else "candidates"
        return (
            f"median error {self.median:.1%}, Spearman {self.spearman:.3f}, {self.count} {plural}"
        )


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, ties ranked by their mean; 0 where it has no meaning."""
    if len(first) < 3:
        return 0.0
    ranks = [_ranks(np.asarray(values, dtype=np.float64)) for values in (first, second)]
    spread = [float(np.std(rank)) for rank in ranks]
    if min(spread) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, Any]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means = ends - (counts - 1) / 2
    return np.asarray(means[places])
