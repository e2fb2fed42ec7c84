"""The pattern scheme's projections, by themselves and together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import SCPS, UNIVERSE, PatternSet
from backend.sparsity.schemes.pattern import Pattern

SCHEME = Pattern()
SHAPE = (12, 10, 3, 3)


def drawn(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_the_nearest_pattern_is_the_one_of_all_with_the_most_energy() -> None:
    weight = drawn()
    universe = PatternSet("all", UNIVERSE)
    mask = SCHEME.nearest_patterns(weight, LayerChoice("pattern", 2.25, group=1), universe)
    for kernel, kept in zip(weight.reshape(-1, 9), mask.reshape(-1, 9), strict=True):
        others = [k for k in range(9) if k != 4]
        best = max((kernel[[4, *chosen]] ** 2).sum() for chosen in combinations(others, 3))
        assert (kernel[kept] ** 2).sum() == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("balance", ["balanced", "unbalanced"])
@pytest.mark.parametrize("group", [1, 4, 5])
def test_both_projections_keep_what_the_mask_keeps(group: int, balance: str) -> None:
    """With one pattern of all kernels the two projections meet in the hard mask."""
    weight = drawn(1)
    choice = LayerChoice("pattern", 6.0, patterns="scp-4", group=group, balance=balance)
    patterns = SCHEME.nearest_patterns(weight, choice, SCPS)
    assert patterns.reshape(-1, 9).sum(1).tolist() == [4] * 120
    connected = SCHEME.nearest_connectivity(weight, choice, SCPS)
    kernels = connected.reshape(12, 10, 9)
    assert np.array_equal(kernels.any(2), kernels.all(2))
    hard = SCHEME.mask(np.where(patterns, weight, 0), choice, SCPS)
    assert abs(int(kernels.any(2).sum()) - int(hard.any((2, 3)).sum())) < group
    both = SCHEME.nearest_connectivity(np.where(patterns, weight, 0), choice, SCPS)
    assert np.array_equal(both & patterns, hard)


def test_unbalanced_connectivity_keeps_the_largest_kernels_of_the_layer() -> None:
    weight = drawn(2)
    weight[:3] *= 10
    choice = LayerChoice("pattern", 4.5, patterns="scp-4", group=1, balance="unbalanced")
    kept = SCHEME.nearest_connectivity(weight, choice, SCPS).any((2, 3))
    norms = (weight**2).sum((2, 3))
    assert kept.sum() == 60
    assert norms[kept].min() >= norms[~kept].max()
    assert kept[:3].all()
    even = LayerChoice("pattern", 4.5, patterns="scp-4", group=1)
    assert SCHEME.nearest_connectivity(weight, even, SCPS).any((2, 3)).sum(1).tolist() == [5] * 12


def test_filters_of_one_kernel_have_patterns_and_no_connectivity() -> None:
    depthwise = (12, 1, 3, 3)
    mild = LayerChoice("pattern", 2.25, patterns="scp-4", group=1)
    mask = SCHEME.mask(drawn(3, depthwise), mild, SCPS)
    assert mask.sum((1, 2, 3)).tolist() == [4] * 12
    problem = SCHEME.problem(depthwise, LayerChoice("pattern", 4.0))
    assert problem is not None
    assert "patterns alone are left, at 2.25" in problem
