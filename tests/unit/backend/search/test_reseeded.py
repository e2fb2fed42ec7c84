"""Optuna's samplers as a search names them, in studies of their own."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import Trial

from backend.search.samplers.reseeded import ReseededSampler

FACTORIES: dict[str, Any] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=3),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=4),
}


def objective(trial: Trial) -> float:
    return trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_categorical("y", [0, 1, 2])


@pytest.mark.parametrize("name", FACTORIES)
def test_study_without_a_search_goes_on_with_a_new_sampler_as_with_the_old_one(name: str) -> None:
    whole = optuna.create_study(sampler=ReseededSampler(FACTORIES[name], 5))
    whole.optimize(objective, n_trials=12)
    parts = optuna.create_study(sampler=ReseededSampler(FACTORIES[name], 5))
    for _ in range(3):
        parts.optimize(objective, n_trials=4)
        parts.sampler = ReseededSampler(FACTORIES[name], 5)
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]
    assert len({t.params["x"] for t in whole.trials}) > 3  # each draw has numbers of its own
