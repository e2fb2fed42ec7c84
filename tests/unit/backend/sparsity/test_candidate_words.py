"""What a choice says of itself to people."""

from __future__ import annotations

import pytest

from backend.sparsity.candidate import LayerChoice


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("dense", ""),
        ("filter/2", ""),
        ("pattern/8.1/natural-8/g8", "natural-8, groups of 8"),
        ("pattern/8.1/scp-4/g1/unbalanced", "scp-4, each filter by itself, unbalanced"),
        ("block_punched/4/8x4", "blocks of 8 × 4"),
        ("block/4/8x16/both", "blocks of 8 × 16, rows and columns"),
        ("block/4/8x16/unbalanced/rows", "blocks of 8 × 16, rows, unbalanced"),
        ("one_by_n/2/4x1", "N = 4"),
    ],
)
def test_words_name_what_the_scheme_shares(label: str, words: str) -> None:
    choice = LayerChoice.parse(label)
    assert choice.label == label
    assert choice.words == words
