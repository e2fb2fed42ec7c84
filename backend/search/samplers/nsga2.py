"""NSGA-II."""

from __future__ import annotations

from optuna.samplers import BaseSampler, NSGAIISampler

from backend.search.problem import Problem
from backend.search.samplers.reseeded import ReseededSampler

POPULATION = 12  # Optuna's 50 would be a random search at the budgets people start with


def create(seed: int, problem: Problem) -> BaseSampler:
    """Optuna's NSGA-II with a small population; generations are kept in the study."""
    return ReseededSampler(
        lambda state: NSGAIISampler(seed=state, population_size=POPULATION), seed
    )
