"""What is believed of one objective: a sampled table over all options, and the way back to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from backend.search.samplers.punchcard.neighbours import Neighbours
from backend.search.samplers.punchcard.options import FloatArray, IntArray


@dataclass(frozen=True)
class Belief:
    """One objective, to be minimised: `back(constant + sum of effects) + neighbours' terms`.

    Attributes:
        mean: (columns,) the expected effects.
        effects: (samples, columns) draws of them.
        constant: (samples,) draws of the constant.
        back: from the sum to the objective; never falls.
        neighbours: pairwise terms, added to the sum; None without.
    """

    mean: FloatArray
    effects: FloatArray
    constant: FloatArray
    back: Callable[[FloatArray], FloatArray] = field(default=lambda sums: sums)
    neighbours: Neighbours | None = None

    def values(self, rows: IntArray) -> FloatArray:
        """Sampled objectives of candidates (n, layers): (samples, n)."""
        sums = np.repeat(self.constant[:, None], rows.shape[0], axis=1)
        for column in rows.T:
            sums += self.effects[:, column]
        if self.neighbours is not None:
            sums += self.neighbours.sums(rows)
        return self.back(sums)
