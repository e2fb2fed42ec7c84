"""Scores of synthetic maps: what a blur does to them, their bounds, their units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.enhancement.sharpness import SHARPNESS, measure_sharpness


def blurred(maps: np.ndarray) -> np.ndarray:
    """A map after a 3 x 3 binomial blur with its border repeated."""
    weights = np.array([0.25, 0.5, 0.25])
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = sum(w * padded[:, k : k + maps.shape[1]] for k, w in enumerate(weights))
    return sum(w * rows[:, :, k : k + maps.shape[2]] for k, w in enumerate(weights))


@pytest.mark.parametrize("name", SHARPNESS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(8, 24))
def test_a_blurred_map_scores_as_less_sharp(name: str, seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    sharp = np.zeros((1, size, size))
    sharp[0, random.integers(2, size - 2, 5), random.integers(2, size - 2, 5)] = 1.0
    score = SHARPNESS[name]
    before, once = score.measure(sharp)[0], score.measure(blurred(sharp))[0]
    twice = score.measure(blurred(blurred(sharp)))[0]
    sign = 1.0 if score.sharper_is_higher else -1.0
    assert sign * before >= sign * once >= sign * twice
    assert sign * before > sign * twice


@pytest.mark.parametrize("name", SHARPNESS)
def test_a_score_does_not_depend_on_the_scale_of_a_map(name: str) -> None:
    maps = np.random.default_rng(3).random((4, 9, 11))
    measure = SHARPNESS[name].measure
    np.testing.assert_allclose(measure(1e6 * maps), measure(maps), rtol=1e-10)


def test_an_even_map_and_a_single_pixel_are_the_ends_of_the_scales() -> None:
    even, point = np.ones((1, 10, 10)), np.zeros((1, 10, 10))
    point[0, 5, 5] = 2.0
    flat = {name: values[0] for name, values in measure_sharpness(even).items()}
    dot = {name: values[0] for name, values in measure_sharpness(point).items()}
    assert flat == pytest.approx({"entropy": 1.0, "top_energy": 0.1, "laplacian": 0.0})
    # one pixel: -4 in its place and 1 in four neighbours: (16 + 4) / 100 over 1 / 100 of energy
    assert dot == pytest.approx({"entropy": 0.0, "top_energy": 1.0, "laplacian": 20.0})


def test_a_map_of_zeros_has_no_score() -> None:
    maps = np.zeros((2, 6, 6))
    maps[1, 2, 3] = 1.0
    for values in measure_sharpness(maps).values():
        assert np.isnan(values[0])
        assert np.isfinite(values[1])
