"""How a scheme ties weights together: bands of filters, units of columns, an exact budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Structure:
    """What stays or goes together in a weight seen as a matrix (filters, columns).

    A column is an input channel and a kernel position, channel by channel. Filters are cut into
    bands of `band` neighbours that share one support; the last band may be smaller. In a band,
    all columns of one unit stay or go together.

    Attributes:
        band: filters of a band.
        units: unit of each column, (columns,), numbered from 0; the same for all bands.
        alternatives: (patterns, positions) of which each kernel keeps one, or None where every
            position of a kept unit stays. Units are then the kernels.
        is_balanced: whether every band keeps its share; else units compete over the layer, and
            scores of different bands are compared.
    """

    band: int
    units: IntArray
    alternatives: BoolArray | None = None
    is_balanced: bool = True

    @property
    def unit_count(self) -> int:
        """Number of units of a band."""
        return int(self.units.max()) + 1 if self.units.size else 0


def sum_bands(values: FloatArray, band: int) -> FloatArray:
    """Sums over each band of rows: (filters, n) to (bands, n)."""
    starts = np.arange(0, len(values), band)
    return np.asarray(np.add.reduceat(values, starts, axis=0), dtype=np.float32)


def select_units(
    scores: FloatArray, sizes: FloatArray, budget: float, *, is_balanced: bool = True
) -> BoolArray:
    """Keep the units with the highest scores, to an exact total.

    Balanced, each band gets the share of the budget that its weights are of the layer; what
    rounding leaves over is carried into the next band. Unbalanced, the units of all bands are
    ranked together. The total is right within half a unit either way.

    Args:
        scores: (bands, units).
        sizes: weights of each unit, (bands, units); 0 for a unit that does not exist.
        budget: weights to keep in the layer.
        is_balanced: whether bands get equal shares.

    Returns:
        Kept units, (bands, units); at least one.
    """
    if not is_balanced:
        one_band = (scores.reshape(1, -1), sizes.reshape(1, -1))
        return select_units(*one_band, budget).reshape(scores.shape)
    kept = np.zeros(scores.shape, dtype=bool)
    total = float(sizes.sum())
    order = np.argsort(-scores, axis=1, kind="stable")
    owed = 0.0
    for row, ranked in enumerate(order):
        owed += budget * float(sizes[row].sum()) / total
        # weights that stay when the first k ranked units stay, k = 0, 1, ...
        staying = np.concatenate(([0.0], np.cumsum(sizes[row][ranked])))
        count = int(np.abs(staying - owed).argmin())
        kept[row, ranked[:count]] = True
        owed -= float(staying[count])
    if not kept.any():
        kept[np.unravel_index(int(scores.argmax()), scores.shape)] = True
    return kept
