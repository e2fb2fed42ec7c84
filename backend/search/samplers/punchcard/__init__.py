"""The default sampler: tables, an exact front, and a model that trials correct."""

from __future__ import annotations

from optuna.samplers import BaseSampler

from backend.search.problem import Problem
from backend.search.samplers.punchcard.sampler import PunchcardSampler

__all__ = ["PunchcardSampler", "create"]


def create(seed: int, problem: Problem) -> BaseSampler:
    """The sampler for one search."""
    return PunchcardSampler(seed, problem)
