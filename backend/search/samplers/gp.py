"""Gaussian processes over the choices (Optuna's GPSampler; it imports torch when it samples)."""

from __future__ import annotations

from optuna.samplers import BaseSampler, GPSampler

from backend.search.problem import Problem
from backend.search.samplers.reseeded import ReseededSampler


def create(seed: int, problem: Problem) -> BaseSampler:
    """Optuna's GP sampler, deterministic objective off because accuracy is noisy."""
    return ReseededSampler(
        lambda state: GPSampler(seed=state, n_startup_trials=10, deterministic_objective=False),
        seed,
    )
