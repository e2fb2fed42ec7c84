"""What the proposer asks of an objective or a constraint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from backend.search.samplers.punchcard.additive_model import Variances
from backend.search.samplers.punchcard.belief import Belief
from backend.search.samplers.punchcard.features import Component
from backend.search.samplers.punchcard.situation import Situation


@dataclass(frozen=True)
class Form:
    """What evidence decided: which effects there are and how large they may be.

    Attributes:
        scale: outcomes are divided by it.
        extra: whatever else an objective needs to believe in the same terms.
    """

    parts: tuple[Component, ...]
    variances: Variances
    scale: float
    extra: object = None


class Objective(Protocol):
    """One objective or constraint."""

    def form(self, early: Situation) -> Form:
        """Decide the form from some of the trials; slow, done seldom."""

    def belief(
        self, form: Form, now: Situation, random: np.random.Generator, samples: int
    ) -> Belief:
        """The posterior under a form, given the trials."""
