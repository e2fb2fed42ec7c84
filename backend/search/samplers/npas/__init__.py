"""NPAS's searcher (CVPR 2021, phase 2): Q-learning proposes, a WL Gaussian process picks."""

from __future__ import annotations

from optuna.samplers import BaseSampler

from backend.search.problem import Problem
from backend.search.samplers.npas.sampler import NpasSampler
from backend.search.samplers.npas.settings import NpasSettings

__all__ = ["NpasSampler", "NpasSettings", "create"]


def create(seed: int, problem: Problem) -> BaseSampler:
    """The sampler for one search."""
    return NpasSampler(seed, problem)
