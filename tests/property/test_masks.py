"""Masks of random layers: exact rate, structure, and nothing lost in text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.sparsity.candidate import AXES, BALANCES, Candidate, LayerChoice
from backend.sparsity.schemes import SCHEMES
from backend.sparsity.schemes.structure import select_units


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
