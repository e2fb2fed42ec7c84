"""What a run had found after so many evaluations, or so many CPU seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from backend.bench.search.hypervolume import Reference
from backend.bench.search.run_record import Step


@dataclass(frozen=True, eq=False)
class RunCurve:
    """One run: what its front came to after each evaluation.

    Attributes:
        steps: its evaluations in order.
        reference: hypervolumes are measured from it.
        spent: CPU seconds of the whole run by what they were spent on.
    """

    steps: Sequence[Step]
    reference: Reference
    spent: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def volumes(self) -> list[float]:
        """Hypervolume after each evaluation."""
        found, front = [], []
        for step in self.steps:
            front.append((step.accuracy, step.latency_ms))
            found.append(self.reference.hypervolume(front))
        return found

    @cached_property
    def cpu_s(self) -> list[float]:
        """CPU seconds spent when each evaluation was there."""
        return [step.cpu_s for step in self.steps]

    def after(self, count: int) -> float | None:
        """Hypervolume after so many evaluations; None where the run is shorter."""
        return self.volumes[count - 1] if 0 < count <= len(self.steps) else None

    def by_second(self, cpu_s: float) -> float | None:
        """Hypervolume after so many CPU seconds; None beyond the run's end."""
        if not self.steps or cpu_s > self.cpu_s[-1]:
            return None
        place = bisect_right(self.cpu_s, cpu_s)
        return self.volumes[place - 1] if place else 0.0

    def seconds_to(self, volume: float) -> float | None:
        """CPU seconds until it had a hypervolume; None where it never did."""
        reached = (s for v, s in zip(self.volumes, self.cpu_s, strict=True) if v >= volume)
        return next(reached, None)


@dataclass(frozen=True, eq=False)
class SamplerCurves:
    """All runs of one sampler on one task.

    Attributes:
        sampler: its name.
        title: with its setting.
        runs: by seed.
    """

    sampler: str
    title: str
    runs: Mapping[int, RunCurve]

    def after(self, count: int) -> list[float]:
        """Hypervolumes after so many evaluations, of the runs that have them."""
        found = (run.after(count) for run in self.runs.values())
        return [volume for volume in found if volume is not None]

    def by_second(self, cpu_s: float) -> list[float]:
        """Hypervolumes after so many CPU seconds, of the runs that last so long."""
        found = (run.by_second(cpu_s) for run in self.runs.values())
        return [volume for volume in found if volume is not None]

    def seconds_after(self, count: int) -> list[float]:
        """CPU seconds that so many evaluations took."""
        return [run.cpu_s[count - 1] for run in self.runs.values() if len(run.steps) >= count]

    @property
    def longest(self) -> int:
        """Evaluations of the longest run."""
        return max((len(run.steps) for run in self.runs.values()), default=0)


@dataclass(frozen=True)
class Quartiles:
    """Median and quartiles over seeds.

    Attributes:
        count: number of seeds.
    """

    low: float
    median: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles | None:
        """None of no values."""
        if not values:
            return None
        low, median, high = np.percentile(values, (25, 50, 75))
        return cls(float(low), float(median), float(high), len(values))
