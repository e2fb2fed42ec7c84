"""Optuna's own suite of tests for samplers, on each of ours as it stands in any study."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from backend.search.samplers.npas import NpasSampler
from backend.search.samplers.punchcard import PunchcardSampler

SAMPLERS: dict[str, Callable[[], BaseSampler]] = {
    "npas": lambda: NpasSampler(seed=0),
    "punchcard": lambda: PunchcardSampler(seed=0),
}


class _Ours:
    @pytest.fixture(params=sorted(SAMPLERS))
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return SAMPLERS[request.param]


class TestBasics(_Ours, BasicSamplerTestCase):
    """Every kind of parameter, fixed ones, changing ranges, NaN."""


class TestRelative(_Ours, RelativeSamplerTestCase):
    """Parameters sampled together."""


class TestMultiObjective(_Ours, MultiObjectiveSamplerTestCase):
    """More than one objective."""
