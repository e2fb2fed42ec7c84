"""Expected improvement over the best reward so far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

FloatArray = npt.NDArray[np.float64]


def expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """`E[max(0, f - best)]` for f ~ N(mean, deviation^2) (Mockus 1978; Jones et al. 1998)."""
    gain = mean - best
    safe = np.where(deviation > 0, deviation, 1.0)
    z = gain / safe
    density = np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi)
    improvement: FloatArray = gain * ndtr(z) + safe * density
    return np.where(deviation > 0, np.maximum(improvement, 0.0), np.maximum(gain, 0.0))
