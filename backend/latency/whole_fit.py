"""From layer times to whole nets: a constant and one factor a kind, from end-to-end times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NOISE = 0.02
"""Relative error of an end-to-end time."""
_SPREAD_OF_ALL, _SPREAD_OF_KIND, _SPREAD_OF_CONSTANT = 0.3, 0.05, 0.01


@dataclass(frozen=True, eq=False)
class WholeLaw:
    """What end-to-end times say about sums of layer times.

    Attributes:
        constant_ms: what is no searched layer's.
        factors: of each kind's word on the times of its layers.
    """

    constant_ms: float
    factors: FloatArray


def fit_whole(by_word: FloatArray, latency_ms: FloatArray) -> WholeLaw:
    """Bayesian linear regression of relative errors.

    latency = constant + sum over words of (common + own) * by_word, with the prior that the common
    factor is 1 (deviation 0.3), own factors are 0 (0.05), and the constant is 0, give or take 1 %
    of the slowest net. A profile reads the clock behind every step and runs warm, so factors
    differ from 1 by some percent; with no measurement the prior stands.

    Args:
        by_word: (candidates, words), milliseconds of layers by kind.
        latency_ms: (candidates,), measured end to end.
    """
    words = by_word.shape[1]
    if not len(latency_ms):
        return WholeLaw(0.0, np.ones(words))
    typical = float(latency_ms.max())
    total = by_word.sum(axis=1)
    columns = np.column_stack([np.full(len(total), typical), total, by_word])
    spread = np.concatenate(
        [[_SPREAD_OF_CONSTANT, _SPREAD_OF_ALL], np.full(words, _SPREAD_OF_KIND)]
    )
    matrix = columns / latency_ms[:, None] / NOISE
    rest = (latency_ms - total) / latency_ms / NOISE
    normal = matrix.T @ matrix + np.diag(1.0 / spread**2)
    solved = np.linalg.solve(normal, matrix.T @ rest)
    constant = max(0.0, typical * float(solved[0]))
    return WholeLaw(constant, np.maximum(1.0 + solved[1] + solved[2:], 0.05))
