"""The Bayesian predictor: scores a pool of candidates by expected improvement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.search.samplers.npas.expected_improvement import expected_improvement
from backend.search.samplers.npas.gaussian_process import GaussianProcess
from backend.search.samplers.npas.settings import NpasSettings
from backend.search.samplers.npas.wl_features import wl_features
from backend.search.samplers.npas.wl_kernel import WlKernel, weightings

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Predictor:
    """A Gaussian process on Weisfeiler-Lehman features of candidates.

    Args:
        labels: number of the node label of each choice of each layer.
        around: neighbours of each layer in the net.
    """

    def __init__(
        self,
        labels: Sequence[npt.NDArray[np.int64]],
        around: Sequence[Sequence[int]],
        settings: NpasSettings,
    ) -> None:
        self._labels, self._around, self._settings = labels, around, settings

    def improvement(self, seen: Codes, rewards: FloatArray, pool: Codes) -> FloatArray:
        """Expected improvement of each candidate of a pool over the best reward seen.

        Args:
            seen: evaluated candidates, (n, layers).
            rewards: theirs, (n,).
            pool: (m, layers).
        """
        chosen = self._chosen(rewards)
        codes = np.concatenate([seen[chosen], pool])
        nodes = np.stack([row[codes[:, i]] for i, row in enumerate(self._labels)], axis=1)
        count, targets = len(chosen), rewards[chosen]
        kernel = WlKernel(wl_features(nodes, self._around, self._settings.depth), count)
        best: tuple[GaussianProcess, FloatArray] | None = None
        for weights in weightings(self._settings.depth):
            matrix = kernel.matrix(weights)
            process = GaussianProcess.fit(matrix[:count], targets, self._settings.jitters)
            if best is None or process.log_likelihood > best[0].log_likelihood:
                best = process, matrix[count:]
        assert best is not None
        process, cross = best
        mean, deviation = process.predict(cross, np.ones(len(pool)))
        return expected_improvement(mean, deviation, float(targets.max()))

    def _chosen(self, rewards: FloatArray) -> npt.NDArray[np.int64]:
        """All trials, or the best half and the latest half of as many as may be."""
        most = self._settings.gp_trials
        if len(rewards) <= most:
            return np.arange(len(rewards))
        latest = np.arange(len(rewards) - most // 2, len(rewards))
        order = np.argsort(-rewards, kind="stable")
        best = order[order < latest[0]][: most - len(latest)]
        return np.sort(np.concatenate([best, latest]))
