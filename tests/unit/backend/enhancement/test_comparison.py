"""The verdict follows from the intervals."""

from __future__ import annotations

import numpy as np
import pytest

from backend.enhancement.comparison import (
    NOT_SUPPORTED,
    SUPPORTED,
    UNDECIDED,
    Paired,
    compare,
    judge,
)


def pair(shift: float, *, count: int = 150, higher: bool = True, seed: int = 0) -> Paired:
    random = np.random.default_rng(seed)
    dense = random.normal(5.0, 3.0, count)  # pictures differ far more than the nets do
    pruned = dense + shift + random.normal(0.0, 0.2, count)
    return Paired("guided", "laplacian", dense, pruned, higher)


@pytest.mark.parametrize(
    ("shift", "higher", "word"),
    [
        (0.3, True, SUPPORTED),
        (-0.3, True, NOT_SUPPORTED),
        (-0.3, False, SUPPORTED),
        (0.3, False, NOT_SUPPORTED),
        (0.0, True, UNDECIDED),
    ],
)
def test_a_row_is_decided_by_its_interval_and_the_better_direction(
    shift: float, higher: bool, word: str
) -> None:
    (row,) = compare([pair(shift, higher=higher, seed=2)])
    assert row.verdict == word
    assert row.interval.low <= row.difference <= row.interval.high
    assert row.difference == pytest.approx(row.pruned - row.dense)


def test_pictures_without_a_number_are_left_out_in_pairs() -> None:
    good = pair(0.3)
    dense, pruned = good.dense.copy(), good.pruned.copy()
    dense[3], pruned[7] = np.nan, np.nan
    (row,) = compare([Paired("guided", "entropy", dense, pruned, True)])
    assert row.count == 148
    assert np.isfinite(row.difference)


def test_joint_intervals_are_wider_the_more_rows_there_are() -> None:
    (alone,) = compare([pair(0.1)])
    crowd = compare([pair(0.1)] * 6)
    assert alone.joint.low == alone.interval.low
    assert crowd[0].joint.low < crowd[0].interval.low < crowd[0].interval.high < crowd[0].joint.high


@pytest.mark.parametrize(
    ("shifts", "word"),
    [
        ((0.3, 0.3, 0.3), SUPPORTED),
        ((0.3, 0.3, 0.0), SUPPORTED),
        ((0.3, 0.0, 0.0), UNDECIDED),
        ((0.3, 0.3, -0.3), UNDECIDED),
        ((-0.3, -0.3, 0.0), NOT_SUPPORTED),
    ],
)
def test_rows_vote_and_a_contradiction_decides_nothing(
    shifts: tuple[float, ...], word: str
) -> None:
    verdict = judge(compare([pair(shift, seed=2) for shift in shifts]))
    assert verdict.word == word
    assert verdict.sentence.lower().startswith(word)


def test_too_few_pictures_never_decide() -> None:
    verdict = judge(compare([pair(5.0, count=99)]))
    assert verdict.word == UNDECIDED
    assert "99 pictures" in verdict.sentence
