"""Winograd's transforms for 3x3 kernels, and weights in the transformed domain.

Y = A^T [(G g G^T) * (B^T d B)] A for outputs of m x m (Lavin and Gray, "Fast algorithms for
convolutional neural networks", section 4). The points are 0, 1, -1, 2, -2 and infinity for m = 4,
and 1/2, -1/2 beside them for m = 6; the microkernels hold B and A as sums of few terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_SIXTH, _TWELFTH, _QUARTER = 1 / 6, 1 / 12, 1 / 4
FILTER_TRANSFORMS: Mapping[int, npt.NDArray[np.float64]] = MappingProxyType(
    {
        4: np.array(
            [
                [_QUARTER, 0, 0],
                [-_SIXTH, -_SIXTH, -_SIXTH],
                [-_SIXTH, _SIXTH, -_SIXTH],
                [1 / 24, _TWELFTH, _SIXTH],
                [1 / 24, -_TWELFTH, _SIXTH],
                [0, 0, 1],
            ]
        ),
        6: np.array(
            [
                [1, 0, 0],
                [-2 / 9, -2 / 9, -2 / 9],
                [-2 / 9, 2 / 9, -2 / 9],
                [1 / 90, 1 / 45, 2 / 45],
                [1 / 90, -1 / 45, 2 / 45],
                [32 / 45, 16 / 45, 8 / 45],
                [32 / 45, -16 / 45, 8 / 45],
                [0, 0, 1],
            ]
        ),
    }
)
"""G by the edge m of a tile of outputs, (m + 2, 3)."""


def transform_filters(weight: FloatArray, edge: int, lanes: int, vectors: int) -> FloatArray:
    """G g G^T of every kernel, computed in f64 and rounded once.

    Args:
        weight: (filters, channels, 3, 3).
        edge: m, rows and columns of a tile of outputs.
        lanes: f32 lanes of a vector.
        vectors: vectors of filters in a block; filters are filled up with zeros.

    Returns:
        ((m + 2)^2, blocks, channels, vectors * lanes).
    """
    filters, channels = weight.shape[:2]
    transform = FILTER_TRANSFORMS[edge]
    points = (edge + 2) ** 2
    width = vectors * lanes
    blocks = -(-filters // width)
    padded = np.zeros((points, blocks * width, channels), dtype=np.float32)
    # Sums in a fixed order, not a matrix product: every machine must pack the same bytes.
    kernels = np.ascontiguousarray(weight.transpose(2, 3, 0, 1), dtype=np.float64)
    for index, row in enumerate(transform):
        columns = row[0] * kernels[0] + row[1] * kernels[1] + row[2] * kernels[2]
        for other, factors in enumerate(transform):
            at = index * len(transform) + other
            total = factors[0] * columns[0] + factors[1] * columns[1] + factors[2] * columns[2]
            padded[at, :filters] = total
    packed = padded.reshape(points, blocks, width, channels).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(packed)
