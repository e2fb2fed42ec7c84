"""The default sampler as Optuna sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from backend.search.problem import Problem
from backend.search.samplers.punchcard.history import History, LabelOf
from backend.search.samplers.punchcard.options import Options
from backend.search.samplers.punchcard.plain_proposer import plain_proposer
from backend.search.samplers.punchcard.proposer import Proposer
from backend.search.samplers.punchcard.search_proposer import search_proposer
from backend.search.samplers.reseeded import draw_seed

NUMERIC_STARTUP = 10


class PunchcardSampler(BaseSampler):
    """Proposes what is expected to add most to the front, given tables and finished trials.

    With a `Problem`: papers.md 7.3. Without one it works in any Optuna study: for its categorical
    parameters it learns which choices help from the trials alone, whatever the number of
    objectives; numbers are left to Optuna's TPE. A proposal is a function of the seed, the draw
    (the trial's number where nobody tells it) and the stored trials.

    Args:
        seed: None takes a random one.
        problem: what is known of a search beforehand.
    """

    def __init__(self, seed: int | None = None, problem: Problem | None = None) -> None:
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._problem = problem
        self._draw: int | None = None
        self._space = IntersectionSearchSpace()
        self._known: dict[object, tuple[History, Proposer]] = {}

    def begin(self, draw: int) -> None:
        """Called before each `ask`, with the number of candidates drawn so far."""
        self._draw = draw

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All searched layers at once; without a problem, what all trials had in common."""
        if self._problem is not None:
            labels = self._problem.space.labels
            return {name: CategoricalDistribution(menu) for name, menu in labels.items()}
        common = self._space.calculate(study)
        return {name: one for name, one in common.items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next candidate's choices, and numbers by TPE."""
        menus = {
            name: one
            for name, one in search_space.items()
            if isinstance(one, CategoricalDistribution)
        }
        numbers = {name: one for name, one in search_space.items() if name not in menus}
        params: dict[str, Any] = {}
        if numbers:
            params |= self._numeric(trial, "").sample_relative(study, trial, numbers)
            for name in numbers.keys() - params.keys():
                params[name] = self.sample_independent(study, trial, name, numbers[name])
        if menus:
            params |= self._choices(study, trial, menus)
        return params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's signature
        """A parameter that the common space does not have: by TPE."""
        inner = self._numeric(trial, param_name)
        return inner.sample_independent(study, trial, param_name, param_distribution)

    def _numeric(self, trial: FrozenTrial, name: str) -> TPESampler:
        seed = draw_seed(draw_seed(self._seed, self._draw_of(trial)), _number_of(name))
        return TPESampler(seed=seed, n_startup_trials=NUMERIC_STARTUP)

    def _draw_of(self, trial: FrozenTrial) -> int:
        return trial.number if self._draw is None else self._draw

    def _choices(
        self, study: Study, trial: FrozenTrial, menus: dict[str, CategoricalDistribution]
    ) -> dict[str, Any]:
        history, proposer = self._of(study, menus)
        now = history.situation(study.get_trials(deepcopy=False), trial.number)
        random = np.random.default_rng(draw_seed(self._seed, self._draw_of(trial)))
        row = proposer.propose(now, random)
        starts = proposer.options.starts
        return {
            name: one.choices[int(column - start)]
            for (name, one), column, start in zip(menus.items(), row, starts, strict=False)
        }

    def _of(
        self, study: Study, menus: dict[str, CategoricalDistribution]
    ) -> tuple[History, Proposer]:
        """Reader and proposer of a study; both only cache what follows from the trials."""
        directions = study.directions
        key = (study.study_name, tuple(menus), tuple(menus.values()), tuple(directions))
        if key not in self._known:
            self._known[key] = self._make(menus, directions)
        return self._known[key]

    def _make(
        self, menus: dict[str, CategoricalDistribution], directions: Sequence[StudyDirection]
    ) -> tuple[History, Proposer]:
        signs = [1.0 if one == StudyDirection.MINIMIZE else -1.0 for one in directions]
        options = Options.of({name: _labels(one) for name, one in menus.items()})
        history = History(options, signs, _label_of(menus))
        problem = self._problem
        if problem is not None and options.layers == problem.space.layers and signs == [-1.0, 1.0]:
            return history, search_proposer(options, problem)
        return history, plain_proposer(options, len(signs))


def _label_of(menus: dict[str, CategoricalDistribution]) -> LabelOf:
    # Types are told apart, since 1 and True are the same key.
    labels = {
        name: {(type(x), x): label for x, label in zip(one.choices, _labels(one), strict=True)}
        for name, one in menus.items()
    }

    def label_of(trial: FrozenTrial, name: str) -> str | None:
        value = trial.params.get(name)
        return labels[name].get((type(value), value))

    return label_of


def _labels(one: CategoricalDistribution) -> list[str]:
    """Strings stand for themselves, other choices for what Python writes."""
    labels = [x if isinstance(x, str) else repr(x) for x in one.choices]
    same = len(set(labels)) < len(labels)  # 1 and "1"
    return [f"{i}: {label}" for i, label in enumerate(labels)] if same else labels


def _number_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
