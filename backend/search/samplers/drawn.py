"""What samplers of ours share: layers are theirs, other parameters are left to Optuna's TPE."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

from backend.search.problem import Problem
from backend.search.samplers.reseeded import draw_seed

Menu = Mapping[str, CategoricalDistribution]
"""Layers (or any categorical parameters) and what there is to choose."""


class DrawnSampler(BaseSampler):
    """A sampler whose proposals follow from the seed, the draw and the stored trials alone.

    The draw is what `begin` says, else the trial's number. What a subclass keeps between
    proposals has to be such that it can be made again from the trials: `_forget` empties it, and
    `_caches` names it.

    Args:
        seed: None takes one by chance.
        problem: the search, where there is one; without it the sampler works in any Optuna study,
            on the categorical parameters that all its trials share.
    """

    _caches: ClassVar[tuple[str, ...]] = ("_lock", "_begun", "_space")

    def __init__(self, seed: int | None = None, problem: Problem | None = None) -> None:
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._problem = problem
        self._draw: int | None = None
        self._lock: threading.Lock
        self._begun: tuple[str, datetime | None] | None
        self._space: IntersectionSearchSpace
        self._forget()

    @abstractmethod
    def _choose(self, study: Study, trial: FrozenTrial, menu: Menu) -> Mapping[str, Any]:
        """The next candidate; nobody else is choosing meanwhile."""

    def begin(self, draw: int) -> None:
        """Called before each `ask` of a search, with the number of candidates drawn so far."""
        self._draw = draw

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The layers of the problem, or the categorical parameters that all trials share."""
        if self._problem is not None:
            labels = self._problem.space.labels
            return {name: CategoricalDistribution(menu) for name, menu in labels.items()}
        return {
            name: distribution
            for name, distribution in self._shared(study).items()
            if isinstance(distribution, CategoricalDistribution) and not distribution.single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next candidate; numbers among its parameters are drawn one by one."""
        menu = {
            name: one
            for name, one in search_space.items()
            if isinstance(one, CategoricalDistribution)
        }
        params: dict[str, Any] = {}
        if menu:
            with self._lock:
                params.update(self._choose(study, trial, menu))
        for name, other in search_space.items():
            if name not in menu:
                params[name] = self.sample_independent(study, trial, name, other)
        return params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's signature
        """A parameter that is no layer, by Optuna's TPE."""
        name = int.from_bytes(param_name.encode(), "big")
        sampler = TPESampler(seed=draw_seed(draw_seed(self._seed, self._draw_of(trial)), name))
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def _draw_of(self, trial: FrozenTrial) -> int:
        return trial.number if self._draw is None else self._draw

    def _shared(self, study: Study) -> dict[str, BaseDistribution]:
        """Parameters that all finished trials have; Optuna's cache serves one study only."""
        trials = study.get_trials(deepcopy=False)
        begun = (study.study_name, trials[0].datetime_start if trials else None)
        with self._lock:
            if begun != self._begun:
                self._begun, self._space = begun, IntersectionSearchSpace()
            return self._space.calculate(study)

    def _forget(self) -> None:
        """Begin anew with what is kept between proposals."""
        self._lock = threading.Lock()
        self._begun, self._space = None, IntersectionSearchSpace()

    def __getstate__(self) -> dict[str, Any]:
        """Seed, problem and draw; the rest follows from the trials."""
        return {name: value for name, value in self.__dict__.items() if name not in self._caches}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """As after `__getstate__`."""
        self.__dict__.update(state)
        self._forget()
