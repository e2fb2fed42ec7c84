"""Tree-structured Parzen estimators, multi-objective (Optuna's default)."""

from __future__ import annotations

from optuna.samplers import BaseSampler, TPESampler

from backend.search.problem import Problem
from backend.search.samplers.reseeded import ReseededSampler


def create(seed: int, problem: Problem) -> BaseSampler:
    """Optuna's TPE; running trials count as bad so that two evaluators do not crowd one spot."""
    return ReseededSampler(
        lambda state: TPESampler(seed=state, n_startup_trials=10, constant_liar=True), seed
    )
