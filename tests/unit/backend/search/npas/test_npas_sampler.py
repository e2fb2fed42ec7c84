"""NPAS's sampler in any Optuna study, and across restarts."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from backend.search.samplers.npas import NpasSampler, NpasSettings
from backend.search.study import SearchStudy, open_storage
from tests.fixtures.synthetic_search import SyntheticSearch

QUICK = NpasSettings(initial=4, pool=40, depth=2)
LETTERS = "abcdef"


def matches(trial: Trial) -> float:
    """Number of layers that take the letter of their place."""
    chosen = [trial.suggest_categorical(f"p{i}", list(LETTERS)) for i in range(6)]
    return float(sum(letter == LETTERS[i] for i, letter in enumerate(chosen)))


def best_of(sampler: optuna.samplers.BaseSampler, trials: int = 50) -> float:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(matches, n_trials=trials)
    return study.best_value


def test_single_objective_is_climbed_where_chance_stays_below() -> None:
    ours = [best_of(NpasSampler(seed, settings=QUICK)) for seed in range(3)]
    chance = [best_of(RandomSampler(seed)) for seed in range(3)]
    assert np.mean(ours) > np.mean(chance) + 0.5


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_direction_only_turns_the_sign(direction: str) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    study = optuna.create_study(direction=direction, sampler=NpasSampler(1, settings=QUICK))
    study.optimize(lambda trial: sign * matches(trial), n_trials=15)
    other = optuna.create_study(direction="maximize", sampler=NpasSampler(1, settings=QUICK))
    other.optimize(matches, n_trials=15)
    assert [t.params for t in study.trials] == [t.params for t in other.trials]


def test_broken_constraint_is_avoided() -> None:
    def objective(trial: Trial) -> float:
        value = matches(trial)
        trial.set_constraint("few_a", sum(v == "a" for v in trial.params.values()) - 0.5)
        return value

    study = optuna.create_study(direction="maximize", sampler=NpasSampler(0, settings=QUICK))
    study.optimize(objective, n_trials=40)
    broken = [trial.constraints["few_a"] > 0 for trial in study.trials]
    assert np.mean(broken[-20:]) < np.mean(broken[:10])


def test_mixed_and_conditional_parameters_with_two_objectives() -> None:
    def objective(trial: Trial) -> tuple[float, float]:
        kind = trial.suggest_categorical("kind", ["one", "two"])
        if kind == "one":
            trial.suggest_categorical("own", ["x", "y"])
        width = trial.suggest_int("width", 1, 9)
        rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
        trial.suggest_categorical("nan", [None, math.nan, True, 1])
        return width * rate, width - rate

    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=NpasSampler(0, settings=QUICK)
    )
    study.optimize(objective, n_trials=20)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_failed_nan_and_pruned_trials_are_lived_with_and_not_repeated() -> None:
    def objective(trial: Trial) -> float:
        value = matches(trial)
        if trial.number % 4 == 0:
            return math.nan
        if trial.number % 4 == 1:
            raise optuna.TrialPruned
        if trial.number % 4 == 2:
            raise RuntimeError
        return value if trial.number % 3 else math.inf

    study = optuna.create_study(direction="maximize", sampler=NpasSampler(0, settings=QUICK))
    study.optimize(objective, n_trials=40, catch=RuntimeError)
    params = {tuple(sorted(trial.params.items())) for trial in study.trials}
    assert len(study.trials) == len(params) == 40


def test_space_that_is_tried_out_is_tried_again() -> None:
    study = optuna.create_study(sampler=NpasSampler(0, settings=QUICK))
    study.optimize(lambda t: float(t.suggest_categorical("x", [1, 2, 3])), n_trials=8)
    assert {t.params["x"] for t in study.trials} == {1, 2, 3}
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_sampler_without_a_seed_takes_one_by_chance() -> None:
    first = [best_of(NpasSampler(settings=QUICK), 1) for _ in range(20)]
    assert len(set(first)) > 1


def test_sampler_goes_on_after_pickling_and_in_another_study() -> None:
    sampler = NpasSampler(3, settings=QUICK)
    whole = optuna.create_study(direction="maximize", sampler=sampler)
    whole.optimize(matches, n_trials=14)
    study = optuna.create_study(direction="maximize", sampler=NpasSampler(3, settings=QUICK))
    study.optimize(matches, n_trials=7)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(matches, n_trials=7)
    assert [t.params for t in study.trials] == [t.params for t in whole.trials]
    again = optuna.create_study(direction="maximize", sampler=sampler)
    again.optimize(matches, n_trials=14)
    assert [t.params for t in again.trials] == [t.params for t in whole.trials]


def test_trials_of_another_clock_are_taken_in_where_they_belong() -> None:
    """Trials come in two orders; what is proposed next follows from what they are."""
    source = optuna.create_study(direction="maximize", sampler=RandomSampler(0))
    source.optimize(matches, n_trials=12)

    def next_after(orders: list[list[FrozenTrial]]) -> dict[str, object]:
        study = optuna.create_study(direction="maximize", sampler=NpasSampler(3, settings=QUICK))
        for trials in orders:
            study.add_trials(trials)
            begin = study.sampler.begin  # type: ignore[attr-defined]
            begin(12)
            trial = study.ask({f"p{i}": SHARED for i in range(6)})
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return trial.params

    late, early = source.trials[6:], source.trials[:6]
    assert next_after([late + early]) == next_after([early + late])


SHARED = optuna.distributions.CategoricalDistribution(list(LETTERS))

# A search, and a process that ends


def run(study: SearchStudy, search: SyntheticSearch, count: int) -> list[str]:
    """Digests of `count` candidates, with results from the recorded table."""
    digests = []
    for _ in range(count):
        proposal = study.propose()
        assert proposal is not None
        accuracy, latency_ms = search.evaluate(search.space.params(proposal.candidate))
        study.complete(proposal, accuracy, latency_ms, {}, {})
        digests.append(proposal.candidate.digest)
    return digests


def opener(folder: Path, name: str, search: SyntheticSearch) -> Callable[[], SearchStudy]:
    problem = search.problem(33)
    url = f"sqlite:///{folder / 'study.db'}"
    return lambda: SearchStudy(open_storage(url), name, search.space, NpasSampler(7, problem), 7)


def test_search_interrupted_ten_times_proposes_what_it_would_have(tmp_path: Path) -> None:
    search = SyntheticSearch(2, layers=6)
    sampler = NpasSampler(7, search.problem(33))
    whole = run(SearchStudy(InMemoryStorage(), "s", search.space, sampler, 7), search, 33)
    start, parts = opener(tmp_path, "parts", search), []
    for _ in range(11):  # a process has a study and a sampler of its own and dies in a trial
        study = start()
        study.recover()
        parts += run(study, search, 3)
        if len(parts) < 33:
            assert study.propose() is not None
    assert parts == whole


def test_search_beats_chance_by_far(tmp_path: Path) -> None:
    """Hypervolume of 100 evaluations of 20 layers x 19 options, papers.md 7.4."""
    gains = []
    for seed in range(2):
        search = SyntheticSearch(seed)
        volumes = []
        for sampler in (NpasSampler(seed, search.problem(100)), RandomSampler(seed)):
            study = SearchStudy(InMemoryStorage(), "s", search.space, sampler, seed)
            run(study, search, 100)
            volumes.append(search.hypervolume(trial.params for trial in study.trials()))
        gains.append(volumes[0] - volumes[1])
    assert min(gains) > 0 and np.mean(gains) > 0.08


@pytest.mark.parametrize(("budget", "first"), [(3, 4), (24, 6), (200, 10)])
def test_short_search_has_fewer_first_trials(budget: int, first: int) -> None:
    assert NpasSettings().within(budget).initial == first
