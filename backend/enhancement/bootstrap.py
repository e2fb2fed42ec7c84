"""Confidence intervals of a mean by drawing images again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 10_000
_CHUNK = 500


@dataclass(frozen=True)
class Interval:
    """An interval that holds the true mean with probability `level`."""

    low: float
    high: float
    level: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean lies on one side of zero; never where an end is not a number."""
        return self.low > 0.0 or self.high < 0.0


def bootstrap_intervals(
    differences: Values, levels: tuple[float, ...], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Interval, ...]:
    """Percentile intervals of the mean of paired differences (n,).

    Images are drawn with their dense and pruned number together, so what makes one image harder
    than another drops out (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13). Fewer
    than two differences give intervals of NaN.
    """
    count = len(differences)
    if count < 2:
        return tuple(Interval(float("nan"), float("nan"), level) for level in levels)
    random = np.random.default_rng(seed)
    even = np.full(count, 1.0 / count)
    means = np.concatenate(
        [
            random.multinomial(count, even, size=min(_CHUNK, resamples - start)) @ differences
            for start in range(0, resamples, _CHUNK)
        ]
    )
    means = means / count
    return tuple(_interval(means, level) for level in levels)


def _interval(means: Values, level: float) -> Interval:
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(low), float(high), level)
