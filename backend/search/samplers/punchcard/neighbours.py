"""Milliseconds (or anything that adds up) between the options of neighbouring layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What two neighbouring layers cost beside their own terms.

    Attributes:
        options: layers and their options.
        terms: for each layer but the last, (its options, options of the next layer).
    """

    options: Options
    terms: tuple[FloatArray, ...]

    def sums(self, rows: IntArray) -> FloatArray:
        """Terms of candidates (n, layers), summed."""
        total = np.zeros(rows.shape[0])
        places = rows - self.options.starts[:-1]
        for pair, term in enumerate(self.terms):
            total += term[places[:, pair], places[:, pair + 1]]
        return total

    @cached_property
    def worst_exchange(self) -> tuple[FloatArray, ...]:
        """For each layer (options, options): what the first in place of the second costs at most.

        Over all neighbours on both sides, the options' own times aside.
        """
        found = []
        for layer, size in enumerate(self.options.sizes):
            worst = np.zeros((size, size))
            if layer:
                before = self.terms[layer - 1]
                worst += (before[:, :, None] - before[:, None, :]).max(axis=0)
            if layer < len(self.terms):
                ahead = self.terms[layer].T
                worst += (ahead[:, :, None] - ahead[:, None, :]).max(axis=0)
            found.append(worst)
        return tuple(found)


def no_neighbours(options: Options) -> Neighbours:
    """No term at all: the additive problem."""
    sizes = options.sizes
    return Neighbours(
        options, tuple(np.zeros((a, b)) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
    )
