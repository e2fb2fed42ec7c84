"""Pattern sets: the shipped ones, and those that users draw or take from a model's weights."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select

from backend.jobs.clock import now_s
from backend.services.models import open_model
from backend.services.views import PatternSetView
from backend.sparsity.patterns import (
    POSITIONS,
    PatternSet,
    coverage,
    natural_patterns,
    preset_patterns,
)
from backend.sparsity.patterns.pattern_set import MOST_PATTERNS
from backend.storage.database import open_database
from backend.storage.tables import PatternSetRow
from codegen.errors import PlanError

Rows = Sequence[Sequence[int]]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def list_pattern_sets() -> tuple[PatternSetView, ...]:
    """The shipped sets, then the users' by name."""
    found = [_view(preset, is_preset=True) for preset in preset_patterns().values()]
    with open_database().read() as session:
        found += [
            PatternSetView(
                name=row.name,
                patterns=tuple(tuple(int(bit) for bit in pattern) for pattern in row.patterns),
                preset=False,
                note=row.note,
            )
            for row in session.scalars(select(PatternSetRow).order_by(PatternSetRow.name))
        ]
    return tuple(found)


def save_pattern_set(name: str, patterns: Rows, note: str = "") -> None:
    """Store a set under a name, in place of the one that had it.

    Raises:
        PlanError: the name is not allowed or shipped, or the patterns have problems.
    """
    if _NAME.fullmatch(name) is None:
        msg = (
            f"The name {ascii(name[:80])} cannot be used: take letters, digits, dot, _ and -, "
            "at most 64."
        )
        raise PlanError(msg)
    if name in preset_patterns():
        msg = f"{name} is a shipped pattern set and stays as it is: save yours under another name."
        raise PlanError(msg)
    problems = validate_patterns(patterns)
    if problems:
        raise PlanError(" ".join(problems))
    rows = [[int(bit) for bit in pattern] for pattern in patterns]
    with open_database().write() as session:
        session.merge(PatternSetRow(name=name, patterns=rows, note=note[:500], created_at=now_s()))


def delete_pattern_set(name: str) -> None:
    """Delete a user's set.

    Raises:
        PlanError: it is shipped, or there is none of that name.
    """
    with open_database().write() as session:
        row = session.get(PatternSetRow, name)
        if row is None:
            msg = f"There is no pattern set of yours named {ascii(name[:80])}."
            raise PlanError(msg)
        session.delete(row)


def validate_patterns(patterns: Rows) -> list[str]:
    """Every problem of a set, one sentence each; empty when it can be saved."""
    if not patterns:
        return ["A pattern set holds at least one pattern."]
    problems = []
    if len(patterns) > MOST_PATTERNS:
        problems.append(f"A pattern set holds at most {MOST_PATTERNS} patterns.")
    kept = sum(patterns[0])
    seen: dict[tuple[int, ...], int] = {}
    for number, pattern in enumerate(patterns, 1):
        bits = tuple(pattern)
        if len(bits) != POSITIONS or set(bits) - {0, 1}:
            problems.append(f"Pattern {number} is not {POSITIONS} zeros and ones.")
            continue
        if not any(bits):
            problems.append(f"Pattern {number} keeps no weight: punch at least one cell.")
        elif sum(bits) != kept:
            problems.append(
                f"Pattern {number} keeps {sum(bits)} weights and pattern 1 keeps {kept}: all of "
                "a set keep equally many."
            )
        if bits in seen:
            problems.append(f"Pattern {number} is the same as pattern {seen[bits]}: delete one.")
        seen.setdefault(bits, number)
    return problems


def propose_patterns(model: str, size: int) -> PatternSetView:
    """The most frequent natural patterns of a model's 3x3 kernels, with the share of each.

    Raises:
        GraphError: there is no such model.
        PlanError: it has no 3x3 convolutions, or the size is impossible.
    """
    graph = open_model(model)
    proposed = natural_patterns(graph, size, name=f"{model}-natural-{size}")
    return _view(proposed, is_preset=False, shares=coverage(graph, proposed))


def _view(
    patterns: PatternSet, *, is_preset: bool, shares: tuple[float, ...] = ()
) -> PatternSetView:
    return PatternSetView(
        name=patterns.name,
        patterns=tuple(
            tuple(pattern >> k & 1 for k in range(POSITIONS)) for pattern in patterns.patterns
        ),
        preset=is_preset,
        note=patterns.note,
        coverage=shares,
    )
