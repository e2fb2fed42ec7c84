"""Bootstrap intervals against what is known of the mean."""

from __future__ import annotations

import numpy as np
import pytest

from backend.enhancement.bootstrap import Interval, bootstrap_intervals


def test_the_interval_agrees_with_the_normal_one_of_many_pictures() -> None:
    differences = np.random.default_rng(0).normal(0.3, 2.0, 400)
    (interval,) = bootstrap_intervals(differences, (0.95,))
    error = differences.std() / 20
    assert interval.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.05 * error * 2)
    assert interval.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.05 * error * 2)


def test_a_higher_level_gives_a_wider_interval_and_a_seed_gives_the_same_one() -> None:
    differences = np.random.default_rng(1).normal(0.0, 1.0, 60)
    narrow, wide = bootstrap_intervals(differences, (0.9, 0.99), seed=4)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert bootstrap_intervals(differences, (0.9, 0.99), seed=4) == (narrow, wide)


def test_one_picture_has_no_interval_and_decides_nothing() -> None:
    (interval,) = bootstrap_intervals(np.array([1.0]), (0.95,))
    assert np.isnan(interval.low)
    assert not interval.excludes_zero
    assert Interval(0.1, 0.2, 0.95).excludes_zero
    assert Interval(-0.2, -0.1, 0.95).excludes_zero
