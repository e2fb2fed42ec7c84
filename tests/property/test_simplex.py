"""Projection onto the probability simplex against its optimality conditions and an oracle."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backend.training.algorithms.simplex import project_simplex

ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 20)),
    elements=st.floats(-50, 50, allow_nan=False),
)


def by_sorting(row: np.ndarray) -> np.ndarray:
    """The textbook algorithm, entry by entry."""
    total, offset = 0.0, 0.0
    for count, value in enumerate(sorted(row, reverse=True), 1):
        total += value
        if value - (total - 1) / count > 0:
            offset = (total - 1) / count
    return np.maximum(row - offset, 0)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_projection_is_that_of_the_oracle(rows: np.ndarray) -> None:
    found = project_simplex(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(found, [by_sorting(row) for row in rows], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_projection_obeys_the_optimality_conditions(rows: np.ndarray) -> None:
    """KKT: a - u = b 1 - lambda with lambda at least 0, and 0 wherever u is positive."""
    u = project_simplex(torch.from_numpy(rows)).numpy()
    assert (u >= 0).all()
    np.testing.assert_allclose(u.sum(1), 1, atol=1e-9)
    for row, point in zip(rows, u, strict=True):
        offsets = (row - point)[point > 0]
        assert np.ptp(offsets) <= 1e-9
        assert (row[point == 0] <= offsets.max() + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_points_of_the_simplex_stay_where_they_are(rows: np.ndarray) -> None:
    once = project_simplex(torch.from_numpy(rows))
    torch.testing.assert_close(project_simplex(once), once, atol=1e-9, rtol=0)
