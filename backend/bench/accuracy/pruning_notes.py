"""Sentences above a table of pruned nets, computed from its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.bench.accuracy.pruning_row import DENSE, DENSE_START
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.statistics import Mean, paired_difference

_SIGMAS = 2.0
_SEEDS = 3  # below, nothing is said
_NOTHING = Mean(0.0, None, 0)


def is_under_trained(section: Section) -> bool:
    """Whether the dense start is below what its net reaches when it is trained properly."""
    start, least = section.mean(DENSE_START, "accuracy"), section.mean(DENSE_START, "least")
    return start is not None and least is not None and start.value < least.value


def start_notes(section: Section) -> list[str]:
    """Accuracy of the dense start, and whether it suffices for a claim."""
    start, least = section.mean(DENSE_START, "accuracy"), section.mean(DENSE_START, "least")
    if start is None:
        return []
    text = f"{section.net}: the dense start has {100 * start.value:.2f} % test accuracy"
    if least is None:
        return [f"{text}; no least accuracy is set for this net."]
    if is_under_trained(section):
        return [
            f"**Under-trained.** {text}, below the {100 * least.value:g} % that this net reaches "
            "when it is trained properly: the table claims nothing."
        ]
    return [f"{text} (at least {100 * least.value:g} % is asked)."]


def claim_notes(section: Section, claims: Mapping[str, str]) -> list[str]:
    """What papers claim of some rows beside what was measured; nothing where under-trained.

    The better dense net counts, with the extra training or without. A loss or gain counts from two
    standard errors of the paired difference on.
    """
    if is_under_trained(section):
        return []
    notes = []
    for row, claim in claims.items():
        found = _to_better_dense(section, row)
        if found is None:
            continue
        points, error, dense = found
        verdict = "no difference that can be told from chance"
        if abs(points) > _SIGMAS * error:
            verdict = "a gain" if points > 0 else "a loss"
        notes.append(
            f"The papers claim {claim}. Measured, {row}: {verdict}, {points:+.2f} ± {error:.2f} "
            f"points to the row '{dense}', the better of the two dense ones."
        )
    return notes


def _to_better_dense(section: Section, row: str) -> tuple[float, float, str] | None:
    """Difference in points, its standard error, and the dense row it is taken to."""
    dense = [name for name in (DENSE, DENSE_START) if name in section.lines]
    if row not in section.lines or not dense:
        return None
    best = max(dense, key=lambda name: (section.mean(name, "accuracy") or _NOTHING).value)
    difference = paired_difference(
        section.lines[row].numbers("accuracy"), section.lines[best].numbers("accuracy")
    )
    if difference is None or difference.error is None or difference.count < _SEEDS:
        return None
    return 100 * difference.value, 100 * difference.error, best


def best_note(section: Section, rows: Sequence[str]) -> list[str]:
    """Which of some rows ends highest, and by how much before the next one, seed by seed."""
    means = {row: section.mean(row, "accuracy") for row in rows}
    known = sorted(
        (row for row in rows if means[row] is not None),
        key=lambda row: -(means[row] or _NOTHING).value,
    )
    if len(known) < 2:
        return []
    first, second = known[:2]
    ahead = paired_difference(
        section.lines[first].numbers("accuracy"), section.lines[second].numbers("accuracy")
    )
    if ahead is None or ahead.error is None:
        return []
    points, error = 100 * ahead.value, 100 * ahead.error
    sure = "" if points > _SIGMAS * error else ", which could be chance"
    return [
        f"Highest: **{first}**, {points:+.2f} ± {error:.2f} points before {second}{sure} "
        f"({ahead.count} seeds)."
    ]
