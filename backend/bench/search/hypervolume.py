"""The area a set of candidates dominates, from a reference point fixed before any run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.search.front import FrontPoint, pareto_front


@dataclass(frozen=True)
class Reference:
    """The corner that counts nothing.

    Attributes:
        latency_ms: of the dense net.
        floor: accuracy.
        ceiling: accuracy of the dense net; areas are shares of the box up to it and down to 0 ms.
            A candidate above it, as noise allows, may bring more than its share.
    """

    latency_ms: float
    floor: float
    ceiling: float

    def hypervolume(self, points: Iterable[tuple[float, float]]) -> float:
        """Of (accuracy, latency in ms) pairs: exact, 0 to about 1."""
        front = pareto_front(FrontPoint(i, acc, ms) for i, (acc, ms) in enumerate(points))
        area, reached = 0.0, self.floor
        for point in front:  # from the fastest
            if point.latency_ms < self.latency_ms and point.accuracy > reached:
                area += (self.latency_ms - point.latency_ms) * (point.accuracy - reached)
                reached = point.accuracy
        return area / (self.latency_ms * (self.ceiling - self.floor))
