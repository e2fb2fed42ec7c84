"""Optuna's samplers with a fresh random state for each draw, so that a resume repeats nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


def draw_seed(seed: int, draw: int) -> int:
    """A 31-bit seed for the draw-th proposal of a search."""
    digest = hashlib.sha256(f"{seed}/{draw}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class ReseededSampler(BaseSampler):
    """Rebuilds an Optuna sampler before each draw from (seed, draw).

    What a search proposes then follows from its seed and its stored trials alone, not from how
    often the process was restarted. In a study where nobody calls `begin`, the draw is the trial's
    number.
    """

    def __init__(self, factory: Callable[[int], BaseSampler], seed: int) -> None:
        self._factory = factory
        self._seed = seed
        self._is_told = False
        self._inner = factory(draw_seed(seed, 0))

    def begin(self, draw: int) -> None:
        """Called before each `ask`, with the number of candidates drawn so far."""
        self._is_told = True
        self._inner = self._factory(draw_seed(self._seed, draw))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As the wrapped sampler."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the wrapped sampler."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's signature
        """As the wrapped sampler."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """As the wrapped sampler, once it is seeded."""
        if not self._is_told:
            self._inner = self._factory(draw_seed(self._seed, trial.number))
        self._inner.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Any,  # noqa: ANN401
    ) -> None:
        """As the wrapped sampler."""
        self._inner.after_trial(study, trial, state, values)
