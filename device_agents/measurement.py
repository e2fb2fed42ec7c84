"""Latency of packages on a device: every sample, taken in turns so that drift meets all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device_agents.reply import Reply
from device_agents.self_test import RunPlan, run_self_test

# Above it, the machine did something else in between (reliability rule R15).
UNSTABLE_RATIO = 1.2


@dataclass(frozen=True)
class Measurement:
    """All samples of one package.

    Attributes:
        package: The package's id.
        rounds_ms: Samples of each round, in the order they were taken.
        max_relative_error: Largest over the rounds; each round compares the output.
        peak_rss_bytes: Largest over the rounds.
        core: Core that was pinned; None where the device allows none.
        load_before: Load average of the device before and after, where it tells.
        emulated: The device is translated: the times mean nothing for the device.
    """

    package: str
    rounds_ms: tuple[tuple[float, ...], ...]
    max_relative_error: float
    peak_rss_bytes: int
    core: int | None
    load_before: float | None = None
    load_after: float | None = None
    emulated: bool = False

    @property
    def samples_ms(self) -> tuple[float, ...]:
        """Every sample."""
        return tuple(sample for round_ms in self.rounds_ms for sample in round_ms)

    @property
    def median_ms(self) -> float:
        """Median of all samples."""
        return statistics.median(self.samples_ms)

    @property
    def min_ms(self) -> float:
        """Smallest sample."""
        return min(self.samples_ms)

    @property
    def p95_ms(self) -> float:
        """95th percentile."""
        ordered = sorted(self.samples_ms)
        return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]

    @property
    def spread_ms(self) -> float:
        """Median absolute deviation from the median."""
        median = self.median_ms
        return statistics.median(abs(sample - median) for sample in self.samples_ms)

    @property
    def is_stable(self) -> bool:
        """Whether the 95th percentile stays near the median."""
        return self.p95_ms <= UNSTABLE_RATIO * self.median_ms

    def to_json(self) -> dict[str, Any]:
        """Return what is stored with a trial."""
        return {
            "package": self.package,
            "rounds_ms": [list(samples) for samples in self.rounds_ms],
            "median_ms": self.median_ms,
            "min_ms": self.min_ms,
            "p95_ms": self.p95_ms,
            "spread_ms": self.spread_ms,
            "stable": self.is_stable,
            "max_relative_error": self.max_relative_error,
            "peak_rss_bytes": self.peak_rss_bytes,
            "core": self.core,
            "load_before": self.load_before,
            "load_after": self.load_after,
            "emulated": self.emulated,
        }


def measure_in_turns(
    run: Callable[[Sequence[str], float], Reply],
    folders: Sequence[tuple[str, str]],
    plan: RunPlan,
    *,
    rounds: int,
    emulated: bool = False,
) -> list[Measurement]:
    """Run packages A B A B … and collect every sample.

    Args:
        run: Runs a command on the device.
        folders: (package id, folder on the device) of each package.
        plan: Core, threads, repeats and limits of each turn.
        rounds: Turns of each package.
        emulated: Whether the device is translated.

    Raises:
        SelfTestError: A program fails or computes something else.
    """
    reports: list[list[dict[str, Any]]] = [[] for _ in folders]
    for _ in range(rounds):
        for index, (_, folder) in enumerate(folders):
            reports[index].append(run_self_test(run, folder, plan))
    return [
        Measurement(
            package=package,
            rounds_ms=tuple(tuple(map(float, turn["samples_ms"])) for turn in turns),
            max_relative_error=max(float(turn["max_relative_error"]) for turn in turns),
            peak_rss_bytes=max(int(turn["peak_rss_bytes"]) for turn in turns),
            core=plan.core if plan.core >= 0 and all(turn["pinned"] for turn in turns) else None,
            emulated=emulated,
        )
        for (package, _), turns in zip(folders, reports, strict=True)
    ]
