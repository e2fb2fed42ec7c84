"""NPAS's searcher as an Optuna sampler."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from backend.search.problem import Problem
from backend.search.samplers.drawn import DrawnSampler, Menu
from backend.search.samplers.npas.agent import QAgent
from backend.search.samplers.npas.history import History
from backend.search.samplers.npas.pool import mutants, new_ones
from backend.search.samplers.npas.predictor import Predictor
from backend.search.samplers.npas.reward import Result, Reward
from backend.search.samplers.npas.settings import NpasSettings
from backend.search.samplers.npas.wl_features import neighbours

Codes = npt.NDArray[np.int64]

ANNEAL = 100  # finished trials, in a study without a budget
TRIES = 1000  # random candidates, before one is proposed a second time


class NpasSampler(DrawnSampler):
    """Q-learning over layers, a pool, a Weisfeiler-Lehman Gaussian process, expected improvement.

    NPAS section 4.2 (papers.md 1.4), one candidate at a time: the agent's policy walks over the
    layers and gives half of a pool, mutants of the best trials the other half; a Gaussian
    process fitted to the rewards picks the candidate of largest expected improvement; its reward
    goes into the process and, by replay, into the Q table. Latency limits take turns and share
    all trials, so that one search grows a front.

    It works in any Optuna study. Categorical parameters that every trial has are its layers: of a
    problem in the order of the net, otherwise in the order of their names as a chain. The first
    objective is V, each further one a t with a limit; broken constraints cost reward as well.
    Other parameters (numbers, conditional ones) are Optuna's TPE's.

    Args:
        seed: None takes one by chance.
        problem: the search, where there is one.
        settings: numbers of the method.
    """

    _caches = (*DrawnSampler._caches, "_known")
    _known: tuple[History, QAgent] | None

    def __init__(
        self,
        seed: int | None = None,
        problem: Problem | None = None,
        settings: NpasSettings | None = None,
    ) -> None:
        super().__init__(seed, problem)
        self._settings = settings or NpasSettings()
        if problem is not None:
            self._settings = self._settings.within(problem.budget)

    def _choose(self, study: Study, trial: FrozenTrial, menu: Menu) -> dict[str, Any]:
        menu = {name: menu[name] for name in self._in_order(menu)}
        trials = study.get_trials(deepcopy=False)
        codes = self._propose(menu, study.directions, trials, self._draw_of(trial))
        return {
            name: one.choices[int(code)]
            for (name, one), code in zip(menu.items(), codes, strict=True)
        }

    def _in_order(self, names: Mapping[str, object]) -> list[str]:
        if self._is_the_problem(names):
            assert self._problem is not None
            return list(self._problem.space.layers)
        return sorted(names, key=_natural)

    def _is_the_problem(self, names: Mapping[str, object]) -> bool:
        return self._problem is not None and set(names) == set(self._problem.space.layers)

    # One proposal

    def _propose(
        self,
        menu: Menu,
        directions: Sequence[StudyDirection],
        trials: Sequence[FrozenTrial],
        draw: int,
    ) -> Codes:
        history, agent = self._knowledge(menu, directions, trials)
        settings = self._settings
        random = np.random.default_rng([self._seed, draw, 1])
        known = (history.tried, history.running(trials))
        sizes = [len(distribution.choices) for distribution in menu.values()]
        limit = draw % agent.limits
        finished = len(history.codes)
        walks = settings.pool - round(settings.pool * settings.mutated)
        pool = agent.table.walk(limit, walks, agent.epsilon(finished, self._anneal), random)
        if agent.is_ready:
            best = np.argsort(-agent.rewards[limit], kind="stable")[: settings.parents]
            parents = np.array([history.codes[i] for i in best])
            children = mutants(parents, sizes, settings.pool - walks, random)
            pool = np.concatenate([pool, children])
        pool = new_ones(pool, known)
        if not len(pool):
            drawn: Codes = random.integers(sizes, size=(TRIES, len(sizes)))
            return next(iter(new_ones(drawn, known)), drawn[0])
        if not agent.is_ready:
            return next(iter(pool))
        predictor = self._predictor(menu)
        gains = predictor.improvement(np.array(history.codes), agent.rewards[limit], pool)
        chosen: Codes = pool[gains.argmax()]
        return chosen

    def _knowledge(
        self,
        menu: Menu,
        directions: Sequence[StudyDirection],
        trials: Sequence[FrozenTrial],
    ) -> tuple[History, QAgent]:
        """History and agent up to date; made anew where they belong to other trials."""
        known = self._known
        if known is None or not known[0].is_of(menu, directions) or not known[0].read(trials):
            sizes = [len(distribution.choices) for distribution in menu.values()]
            is_net = self._is_net(menu, directions)
            agent = QAgent(sizes, self._seed, self._settings, self._reward_maker(is_net))
            history = History(menu, directions)
            history.read(trials)
            known = self._known = history, agent
        known[1].learn(known[0])
        return known

    def _is_net(self, menu: Menu, directions: Sequence[StudyDirection]) -> bool:
        wanted = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
        return self._is_the_problem(menu) and list(directions) == wanted

    def _reward_maker(self, is_net: bool) -> Callable[[Sequence[Result]], Reward]:
        settings, problem = self._settings, self._problem

        def make(first: Sequence[Result]) -> Reward:
            if not is_net or problem is None:
                return Reward.of_study(settings.alpha, first)
            return Reward.of_net(
                problem.dense_latency_ms,
                problem.limits.latency_ms,
                settings.limits,
                settings.alpha,
                first,
            )

        return make

    def _predictor(self, menu: Menu) -> Predictor:
        is_problem = self._is_the_problem(menu)
        by_position = self._settings.position
        if by_position is None:
            by_position = not is_problem
        numbers: dict[object, int] = {}
        labels = []
        for layer, distribution in enumerate(menu.values()):
            keys = [
                (layer if by_position else None, type(choice), choice)
                for choice in distribution.choices
            ]
            labels.append(np.array([numbers.setdefault(key, len(numbers)) for key in keys]))
        names = list(menu)
        edges = list(zip(range(len(names) - 1), range(1, len(names)), strict=True))
        if is_problem and self._problem is not None and self._problem.edges:
            places = {name: place for place, name in enumerate(names)}
            known = (pair for pair in self._problem.edges if places.keys() >= set(pair))
            edges = [(places[one], places[other]) for one, other in known]
        return Predictor(labels, neighbours(len(names), edges), self._settings)

    @property
    def _anneal(self) -> int:
        if self._settings.anneal is not None:
            return self._settings.anneal
        return ANNEAL if self._problem is None else self._problem.budget

    def _forget(self) -> None:
        super()._forget()
        self._known = None


def _natural(name: str) -> list[tuple[int, str]]:
    """layer2 before layer10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
