"""One entry of a latency table: how often a choice ran in layers of a shape, and how long."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Times of one choice in layers of one shape, each inside a whole net.

    Attributes:
        count: of programs that held it.
        mean_ms: of their times; neighbours differed.
        variance_ms2: of their times; 0 for a single one.
    """

    count: int
    mean_ms: float
    variance_ms2: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Entry:
        """The entry of these times, at least one."""
        variance = statistics.variance(times_ms) if len(times_ms) > 1 else 0.0
        return cls(len(times_ms), statistics.fmean(times_ms), variance)

    def to_json(self) -> dict[str, Any]:
        """Count, mean and variance."""
        return {
            "count": self.count,
            "mean_ms": round(self.mean_ms, 7),
            "variance_ms2": float(f"{self.variance_ms2:.4g}"),
        }
