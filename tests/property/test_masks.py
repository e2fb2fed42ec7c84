"""Masks of random layers: exact rate, structure, and nothing lost in text."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.sparsity.candidate import AXES, BALANCES, Candidate, LayerChoice
from backend.sparsity.patterns import UNIVERSE, PatternSet
from backend.sparsity.schemes import SCHEMES
from backend.sparsity.schemes.structure import select_units

sizes = st.integers(1, 40)
rates = st.floats(1.0, 12.0)


@given(sizes, sizes, st.integers(1, 9), st.integers(1, 9), rates, st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_block_punched_keeps_the_rate_at_any_size(
    filters: int, channels: int, high: int, wide: int, rate: float, seed: int
) -> None:
    weight = np.random.default_rng(seed).standard_normal((filters, channels, 3, 3), np.float32)
    choice = LayerChoice("block_punched", rate, block=(high, wide))
    scheme = SCHEMES["block_punched"]
    if scheme.problem(weight.shape, choice):
        return
    mask = scheme.mask(weight, choice)
    unit = min(high, filters) * min(wide, channels)
    assert abs(mask.sum() - weight.size / rate) <= unit
    for row in range(0, filters, high):
        for column in range(0, channels, wide):
            block = mask[row : row + high, column : column + wide]
            assert (block == block[:1, :1]).all()


@given(
    sizes,
    sizes,
    st.integers(1, 10),
    st.floats(2.25, 12.0),
    st.lists(st.sampled_from(UNIVERSE), min_size=1, max_size=8, unique=True),
    st.integers(0, 2**31),
)
@settings(max_examples=80, deadline=None)
def test_patterns_come_from_the_set_at_any_size(
    filters: int, channels: int, group: int, rate: float, patterns: list[int], seed: int
) -> None:
    weight = np.random.default_rng(seed).standard_normal((filters, channels, 3, 3), np.float32)
    choice = LayerChoice("pattern", rate, group=group, patterns="drawn")
    scheme, drawn = SCHEMES["pattern"], PatternSet("drawn", tuple(patterns))
    if scheme.problem(weight.shape, choice):
        return
    mask = scheme.mask(weight, choice, drawn)
    assert abs(mask.sum() - weight.size / rate) <= 4 * min(group, filters)
    kernels = mask.reshape(-1, 9)
    allowed = {*map(tuple, drawn.masks), (False,) * 9}
    assert {*map(tuple, kernels)} <= allowed


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=6),
    st.lists(st.integers(1, 9), min_size=5, max_size=5),
    st.floats(0.05, 1.0),
)
def test_kept_units_weigh_what_the_budget_says(
    scores: list[list[float]], sizes: list[int], share: float
) -> None:
    table = np.array(scores, np.float32)
    weights = np.broadcast_to(np.array(sizes, np.float32), table.shape)
    kept = select_units(table, weights, share * float(weights.sum()))
    assert kept.any()
    assert abs(weights[kept].sum() - share * weights.sum()) <= max(sizes)


choice_strategy = st.builds(
    LayerChoice,
    st.sampled_from(sorted(SCHEMES)),
    st.floats(1.0, 100.0).map(lambda rate: round(rate, 3)),
    st.tuples(st.integers(1, 64), st.integers(1, 64)),
    st.sampled_from(["natural-8", "scp-4"]),
    st.integers(1, 32),
    balance=st.sampled_from(BALANCES),
    axes=st.sampled_from(AXES),
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), choice_strategy, max_size=5))
def test_candidates_survive_json_in_any_order(layers: dict[str, LayerChoice]) -> None:
    candidate = Candidate.of(layers)
    again = Candidate.from_json(candidate.to_json())
    assert again == candidate
    assert again.digest == Candidate.of(reversed(list(layers.items()))).digest


@given(choice_strategy)
def test_labels_are_read_back(choice: LayerChoice) -> None:
    again = LayerChoice.parse(choice.label)
    assert again.label == choice.label
    assert again.scheme == choice.scheme
    assert LayerChoice.parse(again.label) == again
