"""NPAS's searcher as an Optuna sampler."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from backend.search.problem import Problem
from backend.search.samplers.npas.agent import QAgent
from backend.search.samplers.npas.history import History, Menu
from backend.search.samplers.npas.pool import mutants, new_ones
from backend.search.samplers.npas.predictor import Predictor
from backend.search.samplers.npas.reward import Result, Reward
from backend.search.samplers.npas.settings import NpasSettings
from backend.search.samplers.npas.wl_features import neighbours
from backend.search.samplers.reseeded import draw_seed

Codes = npt.NDArray[np.int64]

ANNEAL = 100  # finished trials, in a study without a budget
TRIES = 1000  # random candidates, before one is proposed a second time


class NpasSampler(BaseSampler):
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

    A proposal follows from the seed, the draw and the stored trials alone: there is no other
    state than what can be read from them. The draw is what `begin` says, else the trial's number.

    Args:
        seed: None takes one by chance.
        problem: the search, where there is one.
        settings: numbers of the method.
    """

    def __init__(
        self,
        seed: int | None = None,
        problem: Problem | None = None,
        settings: NpasSettings | None = None,
    ) -> None:
        drawn = np.random.SeedSequence().entropy
        assert isinstance(drawn, int)
        self._seed = drawn % 2**31 if seed is None else seed
        self._problem = problem
        self._settings = settings or NpasSettings()
        if problem is not None:
            self._settings = self._settings.within(problem.budget)
        self._draw: int | None = None
        self._known: tuple[History, QAgent] | None
        self._begun: tuple[str, datetime | None] | None
        self._space: IntersectionSearchSpace
        self._lock: threading.Lock
        self._forget()

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
            name: distribution
            for name in self._in_order(search_space)
            if isinstance(distribution := search_space[name], CategoricalDistribution)
        }
        params: dict[str, Any] = {}
        if menu:
            trials = study.get_trials(deepcopy=False)
            with self._lock:
                codes = self._propose(menu, study.directions, trials, self._draw_of(trial))
            params = {
                name: choices.choices[int(code)]
                for (name, choices), code in zip(menu.items(), codes, strict=True)
            }
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
        seed = draw_seed(draw_seed(self._seed, self._draw_of(trial)), _text_number(param_name))
        return TPESampler(seed=seed).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _shared(self, study: Study) -> dict[str, BaseDistribution]:
        """Parameters that all finished trials have; Optuna's cache serves one study only."""
        trials = study.get_trials(deepcopy=False)
        begun = (study.study_name, trials[0].datetime_start if trials else None)
        with self._lock:
            if begun != self._begun:
                self._begun, self._space = begun, IntersectionSearchSpace()
            return self._space.calculate(study)

    def _draw_of(self, trial: FrozenTrial) -> int:
        return trial.number if self._draw is None else self._draw

    def _in_order(self, search_space: Mapping[str, BaseDistribution]) -> list[str]:
        if self._is_the_problem(search_space):
            assert self._problem is not None
            return list(self._problem.space.layers)
        return sorted(search_space, key=_natural)

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

    # What is kept between proposals can be made again from the trials

    def _forget(self) -> None:
        self._known = None
        self._begun = None
        self._space = IntersectionSearchSpace()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        kept = {**self.__dict__}
        for name in ("_lock", "_known", "_begun", "_space"):
            del kept[name]
        return kept

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()


def _natural(name: str) -> list[tuple[int, str]]:
    """layer2 before layer10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _text_number(text: str) -> int:
    return int.from_bytes(text.encode(), "big")
