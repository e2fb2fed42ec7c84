"""Sub-convolutional patterns (SCPs) and the filters that Ma et al. (ECCV 2020) argue them with.

What the paper states is given as it states it; what we compute from it stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.sparsity.patterns.pattern_set import CENTRE, PatternSet
from codegen.errors import PlanError

FloatArray = npt.NDArray[np.float64]

_CROSS = (1, 3, 5, 7)

SCPS = PatternSet(
    "scp-4",
    # the cross around the centre without its upper, left, right and lower arm
    tuple(1 << CENTRE | sum(1 << k for k in _CROSS if k != missing) for missing in (1, 3, 5, 7)),
    "the four sub-convolutional patterns of Ma et al., ECCV 2020",
)

LOG_FIRST: FloatArray = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
"""The first 3x3 approximation of the Laplacian of Gaussian, by finite differences."""

LOG_SECOND: FloatArray = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], float)
"""The second one."""

ELOG: FloatArray = np.array([[0, 1, 0], [1, 8, 1], [0, 1, 0]], float)
"""The enhanced Laplacian of Gaussian as the paper prints it."""

PAPER_P, PAPER_N, PAPER_CENTRE = 0.75, 8, 8.0
"""Probability and number of layers that the paper chooses, and the centre it aims at."""


@dataclass(frozen=True, eq=False)
class Interpolation:
    """What n layers of masked crosses interpolate to.

    Attributes:
        mean_mask: [0 p 0; p 1 p; 0 p 0], the expected mask of one layer, (3, 3).
        kernel: its n-th power entry by entry divided by p^n, (3, 3): edges 1, centre (1/p)^n.
        centre: (1/p)^n.
        error: relative distance of the centre to the ELoG's 8.
        exact_n: number of layers at which the centre would be 8; not whole in general.
    """

    mean_mask: FloatArray
    kernel: FloatArray
    centre: float
    error: float
    exact_n: float


def laplacian_of_gaussian(sigma: float, size: int = 3) -> FloatArray:
    """The continuous LoG at whole pixels around the centre, (size, size).

    ((x^2 + y^2) / s^4 - 2 / s^2) G(x, y, s), G the Gaussian of standard deviation s (section 3.1).

    Raises:
        PlanError: sigma is not positive, or the size is even.
    """
    if not sigma > 0 or size % 2 == 0:
        msg = f"a LoG needs sigma above 0 and an odd size, not {sigma:g} and {size}"
        raise PlanError(msg)
    reach = np.arange(size) - size // 2
    squared = reach[:, None] ** 2 + reach[None, :] ** 2
    gaussian = np.exp(-squared / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return np.asarray((squared / sigma**4 - 2 / sigma**2) * gaussian)


def mean_mask(patterns: PatternSet) -> FloatArray:
    """Share of the patterns that keep each position, (3, 3); p = 0.75 at the SCPs' arms."""
    return np.asarray(patterns.masks.mean(axis=0).reshape(3, 3), dtype=np.float64)


def interpolate(p: float = PAPER_P, n: int = PAPER_N) -> Interpolation:
    """The paper's interpolation: every arm is kept with probability p in each of n layers.

    With the paper's p = 3/4 and n = 8 the centre is (4/3)^8 = 9.99 and not 8: it matches the ELoG
    about as well as n = 7 (7.49); 8 exactly would need n = 7.23.

    Raises:
        PlanError: p is not between 0 and 1, or n is not positive.
    """
    if not 0 < p < 1 or n < 1:
        msg = f"the interpolation needs 0 < p < 1 and n of at least 1, not p = {p:g} and n = {n}"
        raise PlanError(msg)
    mean = np.where(ELOG == 1, p, np.where(ELOG == 8, 1.0, 0.0))
    kernel = np.where(mean > 0, mean**n / p**n, 0.0)
    centre = (1 / p) ** n
    exact = float(np.log(PAPER_CENTRE) / np.log(1 / p))
    return Interpolation(mean, kernel, centre, centre / PAPER_CENTRE - 1, exact)


def cropped_convolution(first: FloatArray, second: FloatArray) -> FloatArray:
    """The central 3x3 of the full convolution of two 3x3 filters.

    Of the two LoGs none is a multiple of the ELoG: the ratios of centre to edge are -2.5 (first
    with itself), -1.71 (first with second) and -1.5 (second with itself), the ELoG's is 8.
    """
    full = np.zeros((5, 5))
    for row in range(3):
        for column in range(3):
            full[row : row + 3, column : column + 3] += first[row, column] * second
    return full[1:4, 1:4]


def centre_to_edge(kernel: FloatArray) -> float:
    """Centre of a 3x3 kernel divided by its upper edge."""
    return float(kernel[1, 1] / kernel[0, 1])
