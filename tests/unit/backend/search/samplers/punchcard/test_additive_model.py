"""The Bayesian model against the closed form of linear regression."""

from __future__ import annotations

import numpy as np
import pytest

from backend.search.samplers.punchcard.additive_model import (
    AdditiveModel,
    Variances,
    fit_variances,
    grams,
)
from backend.search.samplers.punchcard.features import Component, Traits, components
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options

OPTIONS = Options(tuple(f"l{i}" for i in range(6)), tuple(("d", "a", "b", "c") for _ in range(6)))


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def world(random: np.random.Generator, count: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Candidates, a table, and outcomes by it with factors that differ by layer."""
    rows = OPTIONS.draw(random, count)
    table = np.tile([0.0, 1.0, 2.0, 3.0], 6) * random.uniform(0.5, 1.5, OPTIONS.columns)
    effects = table * np.repeat(random.lognormal(0, 0.5, 6), 4)
    return rows, table, effects[rows].sum(axis=1)


def posterior(
    parts: tuple[Component, ...],
    variances: Variances,
    rows: IntArray,
    outcome: FloatArray,
    noise: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the effects from precision matrices over weights."""
    design = np.hstack([*(part.design(rows) for part in parts), np.ones((len(rows), 1))])
    prior = np.concatenate(
        [
            *(
                np.full(part.groups, variance)
                for part, variance in zip(parts, variances.components, strict=True)
            ),
            [variances.intercept],
        ]
    )
    precision = np.diag(1 / prior) + design.T @ (design / (variances.noise * noise)[:, None])
    covariance = np.linalg.inv(precision)
    mean = covariance @ design.T @ (outcome / (variances.noise * noise))
    to_effects = np.hstack(
        [
            *(np.eye(part.groups)[part.group] * part.values[:, None] for part in parts),
            np.zeros((OPTIONS.columns, 1)),
        ]
    )
    return to_effects @ mean, to_effects @ covariance @ to_effects.T


def test_posterior_is_that_of_linear_regression(random: np.random.Generator) -> None:
    rows, table, outcome = world(random, 15)
    parts = components(OPTIONS, Traits(table=table))
    variances = Variances(tuple(random.uniform(0.1, 1.0, len(parts))), 2.0, 0.1, 0.0)
    noise = random.uniform(0.5, 2.0, 15)
    mean, covariance = posterior(parts, variances, rows, outcome, noise)
    model = AdditiveModel(parts, variances, rows, outcome, noise)
    assert model.mean() == pytest.approx(mean, abs=1e-5)
    effects, _ = model.sample(random, 20_000)
    assert effects.mean(axis=0) == pytest.approx(mean, abs=0.03)
    spread = np.sqrt(np.diag(covariance))
    assert effects.std(axis=0) == pytest.approx(spread, rel=0.05, abs=1e-3)
    together = np.cov(effects.T)
    assert np.abs(together - covariance).max() < 0.05 * np.abs(covariance).max()


def test_without_trials_samples_are_the_prior(random: np.random.Generator) -> None:
    parts = components(OPTIONS, Traits())
    variances = Variances((0.5,) * len(parts), 1.0, 0.1, 0.0)
    none = np.zeros((0, 6), dtype=np.int64)
    model = AdditiveModel(parts, variances, none, np.zeros(0), np.zeros(0))
    effects, constant = model.sample(random, 4000)
    prior = sum(0.5 * part.values**2 for part in parts)
    assert effects.var(axis=0) == pytest.approx(prior, rel=0.15)
    assert constant.var() == pytest.approx(1.0, rel=0.15)


def test_evidence_prefers_a_table_that_holds_and_shrinks_one_that_does_not(
    random: np.random.Generator,
) -> None:
    rows, table, outcome = world(random, 60)
    outcome = outcome / outcome.std() + random.normal(0, 0.05, 60)
    found = {}
    for name, said in (("good", table), ("useless", random.permutation(table))):
        parts = components(OPTIONS, Traits(table=said))
        found[name] = fit_variances(
            parts, grams(parts, rows), outcome, np.ones(60), has_intercept=True
        )
    assert found["good"].evidence > found["useless"].evidence + 5
    assert sum(found["good"].components[:2]) > 2 * sum(found["useless"].components[:2])
    assert found["good"].noise < 0.02


def test_an_option_that_changes_nothing_has_no_effect(random: np.random.Generator) -> None:
    rows, table, outcome = world(random, 30)
    default = np.tile([1.0, 0.0, 0.0, 0.0], 6)
    parts = components(OPTIONS, Traits(table=table, default=default))
    variances = Variances((0.3,) * len(parts), 1e-12, 0.1, 0.0)
    effects, _ = AdditiveModel(parts, variances, rows, outcome, np.ones(30)).sample(random, 5)
    assert not effects[:, OPTIONS.first].any()
