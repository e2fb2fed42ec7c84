"""Pruned against dense over many pictures, and the verdict that follows from the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.enhancement.bootstrap import LEVEL, Interval, Values, bootstrap_intervals

LEAST_IMAGES = 100
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"


@dataclass(frozen=True)
class Paired:
    """Numbers of the same pictures under both nets, (n,) each; NaN where one has none."""

    method: str
    score: str
    dense: Values
    pruned: Values
    better_is_higher: bool


@dataclass(frozen=True)
class ComparisonRow:
    """One number compared.

    Attributes:
        method: how the nets were looked into.
        score: what was measured.
        better_is_higher: the direction that favours the pruned net when it moves there.
        count: pictures that have the number under both nets.
        dense: mean of the dense net.
        pruned: mean of the pruned net.
        difference: mean of pruned - dense.
        interval: of the difference, at 95 %.
        joint: of the difference, so wide that all rows of the table hold together at 95 %
            (Bonferroni).
        better_share: share of the pictures where the pruned net is the better one.
        verdict: supported, not supported or undecided: from `interval` alone.
    """

    method: str
    score: str
    better_is_higher: bool
    count: int
    dense: float
    pruned: float
    difference: float
    interval: Interval
    joint: Interval
    better_share: float
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """What the rows say together: one word of the three, and a sentence with the counts."""

    word: str
    sentence: str


def compare(pairs: Sequence[Paired], *, seed: int = 0) -> tuple[ComparisonRow, ...]:
    """A row for each pair, with joint intervals over all of them."""
    joint_level = 1.0 - (1.0 - LEVEL) / max(len(pairs), 1)
    return tuple(_row(pair, joint_level, seed) for pair in pairs)


def word_of(interval: Interval, *, better_is_higher: bool) -> str:
    """Supported where the whole interval favours pruning, not supported where it all opposes it."""
    if not interval.excludes_zero:
        return UNDECIDED
    return SUPPORTED if (interval.low > 0.0) == better_is_higher else NOT_SUPPORTED


def judge(rows: Sequence[ComparisonRow]) -> Verdict:
    """The verdict on "pruning sharpens what the net sees".

    Rows of fewer than 100 pictures do not count. The others vote by their joint intervals:
    supported or not supported where at least half of them say so and none says the opposite.
    """
    voting = [row for row in rows if row.count >= LEAST_IMAGES]
    if not voting:
        most = max((row.count for row in rows), default=0)
        return Verdict(
            UNDECIDED,
            f"Undecided: {most} pictures were scored, and a verdict needs {LEAST_IMAGES}.",
        )
    words = [word_of(row.joint, better_is_higher=row.better_is_higher) for row in voting]
    sharper, blurrier = words.count(SUPPORTED), words.count(NOT_SUPPORTED)
    half = len(words) / 2
    word = UNDECIDED
    if sharper >= half and not blurrier:
        word = SUPPORTED
    elif blurrier >= half and not sharper:
        word = NOT_SUPPORTED
    count = min(row.count for row in voting)
    sentence = (
        f"{word.capitalize()} at 95 %: of {len(words)} scores over {count} pictures, {sharper} "
        f"{_say(sharper)} the pruned net sharper, {blurrier} {_say(blurrier)} it blurrier, "
        f"{words.count(UNDECIDED)} cannot tell."
    )
    return Verdict(word, sentence)


def _say(count: int) -> str:
    return "calls" if count == 1 else "call"


def _row(pair: Paired, joint_level: float, seed: int) -> ComparisonRow:
    finite = np.isfinite(pair.dense) & np.isfinite(pair.pruned)
    dense, pruned = pair.dense[finite], pair.pruned[finite]
    differences = pruned - dense
    interval, joint = bootstrap_intervals(differences, (LEVEL, joint_level), seed=seed)
    better = differences > 0 if pair.better_is_higher else differences < 0
    return ComparisonRow(
        pair.method,
        pair.score,
        pair.better_is_higher,
        len(differences),
        _mean(dense),
        _mean(pruned),
        _mean(differences),
        interval,
        joint,
        _mean(better),
        word_of(interval, better_is_higher=pair.better_is_higher),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
