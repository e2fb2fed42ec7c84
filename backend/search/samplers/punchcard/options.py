"""All options of all layers on one axis, so that a candidate is a row of column numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Options:
    """Menus of labels on one axis.

    A table over all options is a vector (columns,); a candidate is one column of each layer, so
    the sum of a table over candidates (n, layers) is `table[rows].sum(axis=1)`.

    Attributes:
        layers: names, in the order of the net.
        menus: labels of each layer; the first one is the default (dense).
    """

    layers: tuple[str, ...]
    menus: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, labels: Mapping[str, Sequence[str]]) -> Options:
        """From labels by layer."""
        return cls(tuple(labels), tuple(tuple(menu) for menu in labels.values()))

    @cached_property
    def sizes(self) -> IntArray:
        """Number of options of each layer."""
        return np.array([len(menu) for menu in self.menus], dtype=np.int64)

    @cached_property
    def starts(self) -> IntArray:
        """First column of each layer, and the number of columns at the end: (layers + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @property
    def columns(self) -> int:
        """Number of options of all layers."""
        return int(self.starts[-1])

    @cached_property
    def layer_of(self) -> IntArray:
        """Layer number of each column."""
        return np.repeat(np.arange(len(self.layers)), self.sizes)

    @cached_property
    def label_of(self) -> tuple[str, ...]:
        """Label of each column."""
        return tuple(label for menu in self.menus for label in menu)

    @cached_property
    def _column(self) -> tuple[dict[str, int], ...]:
        return tuple(
            {label: int(start) + i for i, label in enumerate(menu)}
            for start, menu in zip(self.starts, self.menus, strict=False)
        )

    @property
    def first(self) -> IntArray:
        """The candidate that takes every layer's first option."""
        return self.starts[:-1].copy()

    def row(self, labels: Mapping[str, str]) -> IntArray | None:
        """A candidate's columns; None where a layer or a label is not of this menu."""
        try:
            pairs = zip(self.layers, self._column, strict=True)
            return np.array([column[labels[name]] for name, column in pairs], dtype=np.int64)
        except KeyError:
            return None

    def labels(self, row: Iterable[int]) -> dict[str, str]:
        """Labels of a candidate's columns."""
        return {
            name: self.label_of[int(column)] for name, column in zip(self.layers, row, strict=True)
        }

    def table(self, values: Mapping[str, Mapping[str, float]]) -> FloatArray:
        """A table of numbers by layer and label as a vector (columns,).

        Raises:
            KeyError: an option has no number.
        """
        return np.array(
            [
                values[name][label]
                for name, menu in zip(self.layers, self.menus, strict=True)
                for label in menu
            ],
            dtype=np.float64,
        )

    def draw(self, random: np.random.Generator, count: int) -> IntArray:
        """Uniform candidates (count, layers)."""
        places = random.random((count, len(self.layers)))
        return self.starts[:-1] + np.floor(places * self.sizes).astype(np.int64)
