"""What two neighbouring choices cost beyond the sum of their own times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class PairTerms(Mapping[tuple[str, str], float]):
    """Milliseconds by (label of a layer, label of the next one), over a matrix.

    Attributes:
        matrix: f64 (choices of the layer, choices of the next one), in the order of the menus;
            negative where the two together take less, as behind removed filters.
    """

    def __init__(self, first: Sequence[str], second: Sequence[str], matrix: FloatArray) -> None:
        self.matrix = matrix
        self._first = {label: index for index, label in enumerate(first)}
        self._second = {label: index for index, label in enumerate(second)}

    def __getitem__(self, pair: tuple[str, str]) -> float:
        return float(self.matrix[self._first[pair[0]], self._second[pair[1]]])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((a, b) for a in self._first for b in self._second)

    def __len__(self) -> int:
        return self.matrix.size
