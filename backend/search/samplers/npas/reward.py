"""The reward of a finished trial under each latency limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

PLAIN_LIMITS = (0.0, 1.0, 2.0)
"""Limits of a study that is no net's: standard deviations better than the first trials' mean."""

BROKEN = 2.0
"""Cost of a broken constraint in standard deviations of the first trials' V."""


@dataclass(frozen=True)
class Result:
    """What a finished trial came to: its objectives, all to be minimised, and its constraints."""

    objectives: tuple[float, ...]
    constraints: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reward:
    """`r_T = V - alpha * max(0, t - T)` (NPAS; papers.md 1.4), once for each limit T.

    V is the first objective, t every other one. Constraints are ours: a broken one costs at once
    and then by how far it is broken, since what it forbids is no bargain. All have units.

    Attributes:
        centre: what counts as 0 of each objective.
        unit: what counts as 1 of each objective.
        limits: T of the objectives behind the first, in units: (limits, objectives - 1).
        alpha: reward that a whole unit over a limit costs.
        broken: reward that a broken constraint costs, and again for each unit over it.
        constraint_unit: what counts as 1 of each constraint; 1 for one that is not listed.
        ignored: constraints that a limit stands for.
    """

    centre: tuple[float, ...]
    unit: tuple[float, ...]
    limits: FloatArray
    alpha: float
    broken: float
    constraint_unit: Mapping[str, float] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    @classmethod
    def of_net(
        cls,
        dense_latency_ms: float,
        limit_ms: float | None,
        shares: Sequence[float],
        alpha: float,
        first: Sequence[Result],
    ) -> Reward:
        """Accuracy against latency: accuracy in its own unit, latency in dense latencies.

        Args:
            dense_latency_ms: of the net as it is.
            limit_ms: the one limit that is asked for; without it there are several.
            shares: those, as shares of the dense latency.
            alpha: as the attribute.
            first: results that fix the units of constraints, and what breaking one costs.
        """
        spread = np.std([result.objectives[0] for result in first] or [0.0])
        limits = shares if limit_ms is None else (limit_ms / dense_latency_ms,)
        return cls(
            centre=(0.0, 0.0),
            unit=(1.0, dense_latency_ms),
            limits=np.asarray(limits, dtype=np.float64)[:, None],
            alpha=alpha,
            broken=BROKEN * float(spread) or alpha,
            constraint_unit=_units(first),
            ignored=frozenset() if limit_ms is None else frozenset({"latency_ms"}),
        )

    @classmethod
    def of_study(cls, alpha: float, first: Sequence[Result]) -> Reward:
        """Any study's objectives, in units of how much its first results differ."""
        values = np.array([result.objectives for result in first], dtype=np.float64)
        deviation = values.std(axis=0)
        limits = -np.asarray(PLAIN_LIMITS if values.shape[1] > 1 else (0.0,))
        return cls(
            centre=tuple(map(float, values.mean(axis=0))),
            unit=tuple(map(float, np.where(deviation > 0, deviation, 1.0))),
            limits=limits[:, None].repeat(values.shape[1] - 1, axis=1),
            alpha=alpha,
            broken=BROKEN,
            constraint_unit=_units(first),
        )

    def __call__(self, result: Result) -> FloatArray:
        """Reward under each limit: (limits,)."""
        values = (np.asarray(result.objectives) - self.centre) / self.unit
        over = np.maximum(values[None, 1:] - self.limits, 0.0).sum(axis=1)
        broken = sum(
            1.0 + value / self.constraint_unit.get(name, 1.0)
            for name, value in result.constraints.items()
            if value > 0 and name not in self.ignored
        )
        reward: FloatArray = -values[0] - self.alpha * over - self.broken * broken
        return reward


def _units(results: Sequence[Result]) -> dict[str, float]:
    """Mean size of each constraint's value over the first results."""
    sizes: dict[str, list[float]] = {}
    for result in results:
        for name, value in result.constraints.items():
            sizes.setdefault(name, []).append(abs(value))
    return {name: float(np.mean(found)) or 1.0 for name, found in sizes.items()}
