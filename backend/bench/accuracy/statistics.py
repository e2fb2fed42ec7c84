"""Means and standard errors over seeds, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: the mean.
        error: its standard error, of the spread between seeds; None for a single one.
        count: number of seeds.
    """

    value: float
    error: float | None
    count: int


def mean_of(values: Mapping[int, float]) -> Mean | None:
    """Mean of values by seed; None where there are none."""
    listed = list(values.values())
    count = len(listed)
    if not count:
        return None
    mean = math.fsum(listed) / count
    if count < 2:
        return Mean(mean, None, count)
    variance = math.fsum((value - mean) ** 2 for value in listed) / (count - 1)
    return Mean(mean, math.sqrt(variance / count), count)


def paired_difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> Mean | None:
    """Mean of value - baseline over the seeds that both have.

    A baseline of one seed alone, or values of one seed (nothing random in them), go with every
    seed of the other.
    """
    if len(baseline) == 1:
        baseline = dict.fromkeys(values, next(iter(baseline.values())))
    elif len(values) == 1:
        values = dict.fromkeys(baseline, next(iter(values.values())))
    shared = values.keys() & baseline.keys()
    return mean_of({seed: values[seed] - baseline[seed] for seed in shared})
