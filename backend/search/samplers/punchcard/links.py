"""From an accuracy to a number in which damage adds up over layers, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.options import FloatArray

POWERS = (1.0, 0.5, 1.0 / 3.0)
SMALLEST = 0.004
"""Relative loss that is as good as none: below it differences are noise."""


@dataclass(frozen=True)
class Link:
    """`z = (loss + small)^power - small^power` of the relative loss of a score.

    The loss is `1 - score / dense`, or `-log(score / dense)` where `is_log`: nets that lose most
    of their accuracy cannot lose much more. A power below 1 says that losses of several layers
    together are more than their sum. Which one holds is decided by evidence (papers.md 7.3 step 5
    leaves g open).

    Attributes:
        dense: the score without any loss.
    """

    dense: float
    power: float = 1.0
    is_log: bool = False

    def forward(self, score: FloatArray) -> FloatArray:
        """Damage of scores, 0 for the dense one's."""
        z: FloatArray = (self._loss(score) + SMALLEST) ** self.power - SMALLEST**self.power
        return z

    def back(self, z: FloatArray) -> FloatArray:
        """Score of a damage; what is less than none is no gain."""
        base = np.maximum(z + SMALLEST**self.power, 0.0) ** (1.0 / self.power)
        loss = np.maximum(base - SMALLEST, 0.0)
        share = np.exp(-loss) if self.is_log else np.maximum(1.0 - loss, 0.0)
        return np.asarray(self.dense * share)

    def slope(self, score: FloatArray) -> FloatArray:
        """`|dz / dscore|`, for noise and for comparing evidence between links."""
        outer = self.power * (self._loss(score) + SMALLEST) ** (self.power - 1.0)
        inner = 1.0 / np.maximum(score, 1e-3 * self.dense) if self.is_log else 1.0 / self.dense
        return np.asarray(outer * inner)

    def _loss(self, score: FloatArray) -> FloatArray:
        share = np.maximum(score / self.dense, 1e-3)
        return np.maximum(-np.log(share) if self.is_log else 1.0 - share, 0.0)


def links(dense: float) -> tuple[Link, ...]:
    """All links among which evidence chooses."""
    return tuple(Link(dense, power, is_log) for is_log in (False, True) for power in POWERS)
