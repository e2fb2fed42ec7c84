"""The Pareto front over accuracy (up) and latency (down)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FrontPoint:
    """One finished trial as the front sees it; sizes only matter to a limit."""

    number: int
    accuracy: float
    latency_ms: float
    size_bytes: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Limits:
    """What a candidate has to keep to stand on the front; None asks for nothing."""

    latency_ms: float | None = None
    accuracy: float | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None

    def violations(self, point: FrontPoint) -> dict[str, float]:
        """How far a point is over each limit that is set: 0 or less is within it."""
        over: dict[str, float] = {}
        if self.latency_ms is not None:
            over["latency_ms"] = point.latency_ms - self.latency_ms
        if self.accuracy is not None:
            over["accuracy"] = self.accuracy - point.accuracy
        if self.size_bytes is not None:
            over["size_bytes"] = float(point.size_bytes - self.size_bytes)
        if self.memory_bytes is not None:
            over["memory_bytes"] = float(point.memory_bytes - self.memory_bytes)
        return over

    def allow(self, point: FrontPoint) -> bool:
        """Whether the point keeps every limit."""
        return all(over <= 0 for over in self.violations(point).values())


def pareto_front(points: Iterable[FrontPoint], limits: Limits | None = None) -> list[FrontPoint]:
    """Points that no other allowed point beats, fastest first.

    Of points equal in both objectives the earliest trial stands for all.
    """
    allowed = [point for point in points if limits is None or limits.allow(point)]
    allowed.sort(key=lambda point: (point.latency_ms, -point.accuracy, point.number))
    front: list[FrontPoint] = []
    for point in allowed:
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def separated_points(accuracies: Iterable[float], standard_error: float) -> int:
    """Largest number of front points whose accuracies differ by more than one standard error."""
    count, last = 0, float("-inf")
    for accuracy in sorted(accuracies):
        if accuracy - last > standard_error:
            count, last = count + 1, accuracy
    return count
