"""Uniform draws: the baseline every other sampler has to beat."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from backend.search.problem import Problem
from backend.search.samplers.reseeded import ReseededSampler


def create(seed: int, problem: Problem) -> BaseSampler:
    """Optuna's random sampler."""
    return ReseededSampler(lambda state: RandomSampler(seed=state), seed)
