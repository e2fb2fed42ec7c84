"""Gaussian process regression on a given kernel matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GaussianProcess:
    """Posterior of `y = mean + f + noise`, f ~ N(0, v K), noise ~ N(0, v jitter I).

    Attributes:
        mean: of the targets.
        scale: v, where the likelihood is largest.
        jitter: share of noise.
        log_likelihood: of the targets around their mean.
    """

    mean: float
    scale: float
    jitter: float
    log_likelihood: float
    _vectors: FloatArray
    _inverse: FloatArray
    _weights: FloatArray

    @classmethod
    def fit(
        cls, kernel: FloatArray, targets: FloatArray, jitters: Sequence[float]
    ) -> GaussianProcess:
        """The process whose jitter makes the targets likeliest.

        For each jitter v has a closed form, `v = r' (K + jitter I)^-1 r / n` with r the targets
        less their mean (Rasmussen & Williams 2006, section 5.4.1).

        Args:
            kernel: K, (n, n), positive semidefinite.
            targets: (n,).
            jitters: shares of noise to choose from, each over 0.
        """
        count = len(targets)
        mean = float(targets.mean())
        values, vectors = eigh(kernel)
        turned = vectors.T @ (targets - mean)
        best: GaussianProcess | None = None
        for jitter in jitters:
            spectrum = np.maximum(values, 0.0) + jitter
            scale = max(float(np.square(turned) @ (1.0 / spectrum)) / count, 1e-18)
            likelihood = -0.5 * (count * np.log(2 * np.pi * scale) + np.log(spectrum).sum() + count)
            if best is None or likelihood > best.log_likelihood:
                best = cls(
                    mean,
                    scale,
                    jitter,
                    float(likelihood),
                    vectors,
                    1.0 / spectrum,
                    vectors @ (turned / spectrum),
                )
        assert best is not None
        return best

    def predict(self, cross: FloatArray, own: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of f (without noise) elsewhere.

        Args:
            cross: kernel between the new points and the fitted ones, (m, n).
            own: kernel of each new point with itself, (m,).
        """
        turned = cross @ self._vectors
        variance = own - np.square(turned) @ self._inverse
        deviation = np.sqrt(self.scale * np.maximum(variance, 0.0))
        return self.mean + cross @ self._weights, deviation
