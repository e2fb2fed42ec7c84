"""The Weisfeiler-Lehman kernel of candidates, and the weightings a likelihood chooses from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

FloatArray = npt.NDArray[np.float64]

DECAYS = (1.0, 0.3)


class WlKernel:
    """`k(s, s') = sum_h w_h <phi_h(s), phi_h(s')>`, scaled to k(s, s) = 1 (papers.md 1.4).

    Args:
        features: phi_h of all candidates, each (candidates, labels).
        columns: number of candidates, the first ones, that stand in the columns.
    """

    def __init__(self, features: Sequence[csr_matrix], columns: int) -> None:
        self._columns = columns
        self._products: list[FloatArray] = [(phi @ phi[:columns].T).toarray() for phi in features]
        self._squares: list[FloatArray] = [
            np.asarray(phi.power(2).sum(axis=1)).ravel()  # type: ignore[no-untyped-call]
            for phi in features
        ]

    def matrix(self, weights: Sequence[float]) -> FloatArray:
        """Kernel under the weights w_h: (candidates, columns)."""
        norms = np.sqrt(_weighted(weights, self._squares))
        matrix: FloatArray = _weighted(weights, self._products)
        matrix /= np.outer(norms, norms[: self._columns])
        return matrix


def weightings(depth: int) -> list[tuple[float, ...]]:
    """Weights w_0 .. w_depth to choose from: every depth, even or falling geometrically."""
    found = {
        tuple(decay**h if h <= last else 0.0 for h in range(depth + 1))
        for last in range(depth + 1)
        for decay in DECAYS
    }
    return sorted(found)


def _weighted(weights: Sequence[float], parts: Sequence[FloatArray]) -> FloatArray:
    total = np.zeros_like(parts[0])
    for weight, part in zip(weights, parts, strict=True):
        if weight:
            total += weight * part
    return total
