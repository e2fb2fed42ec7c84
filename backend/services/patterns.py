"""Pattern sets: the shipped ones, and those that users draw or take from a model's weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import mode

from sqlalchemy import select

from backend.jobs.clock import now_s
from backend.services.views import PatternSetView
from backend.sparsity.patterns import POSITIONS, PatternSet, preset_patterns
from backend.sparsity.patterns.pattern_set import MOST_PATTERNS
from backend.storage.open_database import open_database
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
    check_name(name)
    problems = validate_patterns(patterns)
    if problems:
        raise PlanError(" ".join(problems))
    rows = [[int(bit) for bit in pattern] for pattern in patterns]
    with open_database().write() as session:
        session.merge(PatternSetRow(name=name, patterns=rows, note=note[:500], created_at=now_s()))


def check_name(name: str) -> None:
    """Refuse a name that a user's set may not have.

    Raises:
        PlanError: it has strange characters, or is a shipped set's.
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
    kept = mode(sum(bit == 1 for bit in pattern) for pattern in patterns)
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
                f"Pattern {number} keeps {sum(bits)} of {POSITIONS} weights, others keep {kept}: "
                "all of a set keep equally many."
            )
        if bits in seen:
            problems.append(f"Pattern {number} is the same as pattern {seen[bits]}: delete one.")
        seen.setdefault(bits, number)
    return problems


def get_pattern_set(name: str) -> PatternSetView:
    """One set by its name.

    Raises:
        PlanError: there is none.
    """
    found = list_pattern_sets()
    for view in found:
        if view.name == name:
            return view
    known = ", ".join(view.name for view in found)
    msg = f"There is no pattern set {ascii(name[:80])}: take one of {known}."
    raise PlanError(msg)


def all_pattern_sets() -> dict[str, PatternSet]:
    """Every set by name, the shipped and the users', as plans and searches take them."""
    return {
        view.name: PatternSet(view.name, tuple(map(mask_of, view.patterns)), view.note)
        for view in list_pattern_sets()
    }


def pattern_file(name: str, patterns: Rows, note: str = "") -> str:
    """The JSON text of a set; `read_pattern_file` reads it back.

    Raises:
        PlanError: the patterns have problems.
    """
    return PatternSet(name, tuple(map(mask_of, patterns)), note).to_json() + "\n"


def read_pattern_file(content: bytes) -> PatternSetView:
    """Read a pattern file.

    Raises:
        PlanError: it is none, or its set has problems; the message is one sentence.
    """
    return _view(PatternSet.from_json(content), is_preset=False)


def mask_of(cells: Sequence[int]) -> int:
    """The mask of nine zeros and ones."""
    return sum(1 << k for k, cell in enumerate(cells) if cell)


def cells_of(pattern: int) -> tuple[int, ...]:
    """Nine zeros and ones of a mask."""
    return tuple(pattern >> k & 1 for k in range(POSITIONS))


def _view(patterns: PatternSet, *, is_preset: bool) -> PatternSetView:
    return PatternSetView(
        name=patterns.name,
        patterns=tuple(cells_of(pattern) for pattern in patterns.patterns),
        preset=is_preset,
        note=patterns.note,
    )
