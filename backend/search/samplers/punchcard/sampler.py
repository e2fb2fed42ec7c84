"""The default sampler as Optuna sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from backend.search.problem import Problem
from backend.search.samplers.drawn import DrawnSampler, Menu
from backend.search.samplers.punchcard.history import History, LabelOf
from backend.search.samplers.punchcard.options import Options
from backend.search.samplers.punchcard.plain_proposer import plain_proposer
from backend.search.samplers.punchcard.proposer import Proposer
from backend.search.samplers.punchcard.search_proposer import search_proposer
from backend.search.samplers.reseeded import draw_seed


class PunchcardSampler(DrawnSampler):
    """Proposes what is expected to add most to the front, given tables and finished trials.

    With a `Problem`: papers.md 7.3. Without one it works in any Optuna study: for its categorical
    parameters it learns which choices help from the trials alone, whatever the number of
    objectives.

    Args:
        seed: None takes a random one.
        problem: what is known of a search beforehand.
    """

    _caches = (*DrawnSampler._caches, "_known")
    _known: dict[object, tuple[History, Proposer]]

    def __init__(self, seed: int | None = None, problem: Problem | None = None) -> None:
        super().__init__(seed, problem)

    def _choose(self, study: Study, trial: FrozenTrial, menu: Menu) -> dict[str, Any]:
        history, proposer = self._of(study, menu)
        now = history.situation(study.get_trials(deepcopy=False), trial.number)
        random = np.random.default_rng(draw_seed(self._seed, self._draw_of(trial)))
        row = proposer.propose(now, random)
        starts = proposer.options.starts
        return {
            name: one.choices[int(column - start)]
            for (name, one), column, start in zip(menu.items(), row, starts, strict=False)
        }

    def _of(self, study: Study, menus: Menu) -> tuple[History, Proposer]:
        """Reader and proposer of a study; both only cache what follows from the trials."""
        directions = study.directions
        key = (study.study_name, tuple(menus), tuple(menus.values()), tuple(directions))
        if key not in self._known:
            self._known[key] = self._make(menus, directions)
        return self._known[key]

    def _make(self, menus: Menu, directions: Sequence[StudyDirection]) -> tuple[History, Proposer]:
        signs = [1.0 if one == StudyDirection.MINIMIZE else -1.0 for one in directions]
        options = Options.of({name: _labels(one) for name, one in menus.items()})
        history = History(options, signs, _label_of(menus))
        problem = self._problem
        if problem is not None and options.layers == problem.space.layers and signs == [-1.0, 1.0]:
            return history, search_proposer(options, problem)
        return history, plain_proposer(options, len(signs))

    def _forget(self) -> None:
        super()._forget()
        self._known = {}


def _label_of(menus: Menu) -> LabelOf:
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
