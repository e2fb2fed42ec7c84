"""Proposals of the whole sampler in studies whose results come from a synthetic problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from backend.search.front import Limits
from backend.search.problem import Problem
from backend.search.samplers.punchcard import PunchcardSampler
from backend.search.study import SearchStudy
from tests.fixtures.synthetic_search import FLOOR, SyntheticSearch

USELESS = 6.0
"""Error of a damage table that says next to nothing."""

Params = dict[str, str]


def small_world(proxy_error: float = 0.25, seed: int = 1) -> SyntheticSearch:
    return SyntheticSearch(seed=seed, layers=6, proxy_error=proxy_error)


def drive(
    sampler: BaseSampler,
    problem: Problem,
    evaluate: Callable[[Params], tuple[float, float]],
    count: int,
    *,
    at_once: int = 1,
    over: Callable[[Params], dict[str, float]] | None = None,
) -> list[Params]:
    """Run a study; `at_once` trials are asked for before the first of them ends."""
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    menus = {name: CategoricalDistribution(menu) for name, menu in problem.space.labels.items()}
    tried: list[Params] = []
    for _ in range(0, count, at_once):
        trials = [study.ask(menus) for _ in range(at_once)]
        for trial in trials:
            tried.append(dict(trial.params))
            for name, value in (over(trial.params) if over else {}).items():
                trial.set_constraint(name, value)
            study.tell(trial, list(evaluate(trial.params)))
    return tried


@pytest.mark.parametrize("proxy_error", [0.25, USELESS])
def test_front_grows_faster_than_by_chance_whatever_the_damage_table_says(
    proxy_error: float,
) -> None:
    world = small_world(proxy_error)
    problem = replace(world.problem(30), reference_accuracy=FLOOR)
    ours = drive(PunchcardSampler(0, problem), problem, world.evaluate, 30)
    chance = drive(RandomSampler(seed=0), problem, world.evaluate, 120)
    for count in (10, 20, 30):
        assert world.hypervolume(ours[:count]) > world.hypervolume(chance[: 4 * count])
    assert world.hypervolume(ours) > (0.9 if proxy_error < 1 else 0.75)


def test_interrupted_ten_times_it_proposes_what_it_proposes_at_once() -> None:
    """Each process is a new sampler and a new study over what is stored."""
    world = small_world()
    problem = world.problem(22)
    storage = InMemoryStorage()

    def opened(name: str) -> SearchStudy:
        return SearchStudy(storage, name, problem.space, PunchcardSampler(3, problem), 3)

    def step(study: SearchStudy, is_killed: bool = False) -> str:
        proposal = study.propose()
        assert proposal is not None
        labels = problem.space.params(proposal.candidate)
        if not is_killed:
            study.complete(proposal, *world.evaluate(labels), {}, {})
        return proposal.candidate.digest

    whole = opened("whole")
    wanted = [step(whole) for _ in range(22)]
    found = []
    for _ in range(10):
        parts = opened("parts")
        parts.recover()
        found += [step(parts) for _ in range(2)]
        step(parts, is_killed=True)  # its candidate is queued again by the next process
    parts = opened("parts")
    parts.recover()
    found += [step(parts) for _ in range(2)]
    assert found == wanted


def test_trials_that_run_together_differ_and_spread() -> None:
    world = small_world()
    problem = world.problem(60)
    tried = drive(PunchcardSampler(0, problem), problem, world.evaluate, 60, at_once=20)
    assert len({tuple(labels.values()) for labels in tried}) == 60
    for batch in (tried[20:40], tried[40:]):
        times = [world.truth(labels)[1] / world.dense_latency_ms for labels in batch]
        assert np.ptp(times) > 0.3


def test_small_space_is_emptied_without_a_repetition() -> None:
    world = SyntheticSearch(seed=1, layers=1)
    problem = world.problem(19)
    tried = drive(PunchcardSampler(0, problem), problem, world.evaluate, 19)
    assert len({labels["layer00"] for labels in tried}) == 19


@pytest.mark.parametrize("limit", ["latency_ms", "accuracy"])
def test_budget_is_spent_inside_the_limits_of_the_objectives(limit: str) -> None:
    world = small_world()
    limits = {
        "latency_ms": Limits(latency_ms=0.4 * world.dense_latency_ms),
        "accuracy": Limits(accuracy=0.90),
    }[limit]
    problem = replace(world.problem(30), limits=limits)
    tried = drive(PunchcardSampler(0, problem), problem, world.evaluate, 30)
    truth = [world.truth(labels) for labels in tried[8:]]
    if limit == "latency_ms":
        inside = [ms <= 1.02 * 0.4 * world.dense_latency_ms for _, ms in truth]
    else:
        inside = [accuracy >= 0.90 - 0.005 for accuracy, _ in truth]
    assert np.mean(inside) > 0.8


def test_a_limit_that_only_trials_report_is_learnt() -> None:
    world = small_world()
    problem = world.problem(40)
    layers = problem.space.layers

    def size(labels: Params) -> float:
        kept = [1.0 if x == "dense" else 1 / float(x.split("/")[1]) for x in labels.values()]
        return sum(kept) / len(layers)

    limit = 0.35
    tried = drive(
        PunchcardSampler(0, problem),
        problem,
        world.evaluate,
        40,
        over=lambda labels: {"size_bytes": size(labels) - limit},
    )
    inside = [size(labels) <= limit for labels in tried]
    assert np.mean(inside[10:]) > 0.7
    assert max(world.truth(labels)[0] for labels, ok in zip(tried, inside, strict=True) if ok) > 0.8


def test_failed_and_unfinished_trials_are_left_alone() -> None:
    world = small_world()
    problem = world.problem(20)
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=PunchcardSampler(0, problem)
    )
    menus = {name: CategoricalDistribution(menu) for name, menu in problem.space.labels.items()}
    seen = set()
    for index in range(16):
        trial = study.ask(menus)
        key = tuple(trial.params.values())
        assert key not in seen
        seen.add(key)
        if index % 4 == 0:
            study.tell(trial, state=TrialState.FAIL)
        elif index % 4 == 1:
            study.tell(trial, [float("inf"), 1.0])
        else:
            study.tell(trial, list(world.evaluate(trial.params)))


def test_any_study_with_choices_is_learnt_from_its_trials_alone() -> None:
    """One objective, no problem: the effects of choices add up, one pair interacts."""
    random = np.random.default_rng(0)
    effects = random.normal(size=(8, 5))
    choices: Sequence[tuple[object, ...]] = [(None, "a", 1, "1", 2.5)] * 8

    def objective(trial: optuna.Trial) -> float:
        picked = [options.index(trial.params[f"p{i}"]) for i, options in enumerate(choices)]
        return float(effects[np.arange(8), picked].sum() + (picked[0] == picked[1]))

    best = []
    for sampler in (PunchcardSampler(seed=0), RandomSampler(seed=0)):
        study = optuna.create_study(sampler=sampler)
        for _ in range(50):
            trial = study.ask(
                {f"p{i}": CategoricalDistribution(menu) for i, menu in enumerate(choices)}
            )
            study.tell(trial, objective(trial))
        best.append(study.best_value)
    possible = float(effects.min(axis=1).sum())
    assert best[0] < best[1]
    assert best[0] < possible + 1.5


def test_numbers_beside_choices_are_left_to_the_numeric_sampler() -> None:
    study = optuna.create_study(sampler=PunchcardSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -5, 5)
        kind = trial.suggest_categorical("kind", ["a", "b", "c", "d"])
        return (x - 1) ** 2 + {"a": 3.0, "b": 0.0, "c": 5.0, "d": 9.0}[kind]

    study.optimize(objective, n_trials=40)
    assert study.best_params["kind"] == "b"
    assert study.best_value < 1.0


def test_three_objectives() -> None:
    random = np.random.default_rng(0)
    effects = random.random((3, 5, 4))
    study = optuna.create_study(
        directions=["minimize", "maximize", "minimize"], sampler=PunchcardSampler(seed=0)
    )
    menus = {f"p{i}": CategoricalDistribution(("a", "b", "c", "d")) for i in range(5)}
    for _ in range(25):
        trial = study.ask(menus)
        picked = ["abcd".index(trial.params[f"p{i}"]) for i in range(5)]
        study.tell(trial, effects[:, np.arange(5), picked].sum(axis=1).tolist())
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 25
    assert len(study.best_trials) > 3


def test_same_seed_same_proposals_and_no_seed_is_random() -> None:
    world = small_world()
    problem = world.problem(12)
    runs = [drive(PunchcardSampler(5, problem), problem, world.evaluate, 12) for _ in range(2)]
    assert runs[0] == runs[1]
    assert PunchcardSampler()._seed != PunchcardSampler()._seed


def test_latencies_that_samples_put_below_zero_are_no_treasure() -> None:
    """Without a reference ratios of latency count: the fastest nets must not take the budget."""
    world = small_world()
    problem = world.problem(24)
    tried = drive(PunchcardSampler(0, problem), problem, world.evaluate, 24)
    useful = [world.truth(labels)[0] > 0.85 for labels in tried[8:]]
    assert np.mean(useful) > 0.6
