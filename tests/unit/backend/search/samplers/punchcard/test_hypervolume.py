"""Added hypervolume against counting cells and against Optuna's own hypervolume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from backend.search.samplers.punchcard.hypervolume import gains

COORDINATE = st.integers(0, 12).map(float)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), max_size=8)


def volume(points: np.ndarray, reference: np.ndarray) -> float:
    inside = points[(points < reference).all(axis=1)]
    return float(compute_hypervolume(inside, reference)) if len(inside) else 0.0


@settings(max_examples=100, deadline=None)
@given(POINTS, st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=5))
def test_two_objectives_are_exact(
    points: list[tuple[float, float]], pool: list[tuple[float, float]]
) -> None:
    there = np.array(points).reshape(-1, 2)
    reference = np.array([10.0, 9.0])
    before = volume(there, reference)
    wanted = [volume(np.vstack([there, one]), reference) - before for one in np.array(pool)]
    assert np.allclose(gains(np.array(pool), there, reference), wanted)


def test_one_objective_is_improvement() -> None:
    points = np.array([[3.0], [5.0]])
    found = gains(np.array([[1.0], [4.0]]), points, np.array([np.inf]))
    assert found.tolist() == [2.0, 0.0]


def test_three_objectives_are_ordered_as_by_their_volume() -> None:
    random = np.random.default_rng(0)
    there, pool = random.random((12, 3)), random.random((40, 3))
    reference = np.ones(3)
    before = volume(there, reference)
    exact = np.array([volume(np.vstack([there, one]), reference) - before for one in pool])
    found = gains(pool, there, reference)
    assert (found[exact < 1e-12] < 1e-3 * found.max()).all()
    assert np.corrcoef(found, exact)[0, 1] > 0.95
    assert found.argmax() in np.argsort(exact)[-3:]


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_shape_is_kept_and_the_reference_adds_nothing(objectives: int) -> None:
    reference = np.ones(objectives)
    pool = np.full((4, 5, objectives), 1.0)
    assert gains(pool, np.zeros((0, objectives)), reference).tolist() == [[0.0] * 5] * 4
