"""The derivation of the SCPs: what the paper states, and what follows from it by computation."""

from __future__ import annotations

import numpy as np
import pytest

from backend.sparsity.patterns.scp import (
    ELOG,
    LOG_FIRST,
    LOG_SECOND,
    SCPS,
    centre_to_edge,
    cropped_convolution,
    interpolate,
    laplacian_of_gaussian,
    mean_mask,
)
from codegen.errors import PlanError


def test_the_mean_of_the_four_scps_is_the_papers_mask_of_one_layer() -> None:
    assert np.array_equal(mean_mask(SCPS), interpolate().mean_mask)
    assert interpolate().mean_mask[0, 1] == 0.75


def test_four_thirds_to_the_eighth_is_ten_and_not_eight() -> None:
    found = interpolate()
    assert found.centre == pytest.approx(9.9887, abs=1e-4)
    assert found.error == pytest.approx(0.2486, abs=1e-4)
    assert found.exact_n == pytest.approx(7.228, abs=1e-3)
    assert found.kernel == pytest.approx(np.where(ELOG == 8, found.centre, ELOG))


def test_masks_drawn_at_random_interpolate_to_the_expected_kernel() -> None:
    """Monte Carlo: the product of n independent masks has the expected mask's n-th power."""
    random = np.random.default_rng(0)
    arms = (random.random((200_000, 2, 4)) < 0.6).all(axis=1).mean(axis=0)
    found = interpolate(0.6, 2)
    assert arms == pytest.approx(np.full(4, 0.36), abs=0.01)
    assert found.centre == pytest.approx(1 / 0.36)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        (LOG_FIRST, LOG_FIRST, -2.5),
        (LOG_FIRST, LOG_SECOND, -12 / 7),
        (LOG_SECOND, LOG_SECOND, -1.5),
    ],
)
def test_the_printed_elog_is_no_convolution_of_the_two_logs(
    first: np.ndarray, second: np.ndarray, ratio: float
) -> None:
    cropped = cropped_convolution(first, second)
    assert centre_to_edge(cropped) == pytest.approx(ratio)
    assert centre_to_edge(ELOG) == 8


def test_log_is_negative_in_the_middle_and_sums_to_nothing_on_a_wide_grid() -> None:
    kernel = laplacian_of_gaussian(1.0, 15)
    assert kernel[7, 7] < 0
    assert abs(kernel.sum()) < 1e-6
    # second differences of a Gaussian, the definition
    reach = np.arange(-9, 10)
    gauss = np.exp(-(reach[:, None] ** 2 + reach[None, :] ** 2) / (2 * 9.0)) / (2 * np.pi * 9.0)
    differences = sum(np.roll(gauss, s, a) for s in (1, -1) for a in (0, 1)) - 4 * gauss
    assert laplacian_of_gaussian(3.0, 3)[1, 1] == pytest.approx(differences[9, 9], rel=0.06)


@pytest.mark.parametrize(("p", "n"), [(0.0, 8), (1.0, 8), (0.75, 0)])
def test_impossible_interpolations_are_refused(p: float, n: int) -> None:
    with pytest.raises(PlanError, match="0 < p < 1"):
        interpolate(p, n)


def test_an_impossible_log_is_refused() -> None:
    with pytest.raises(PlanError, match="odd size"):
        laplacian_of_gaussian(0.5, 4)
