"""Pattern sets as the editor sends them, and under names that are still free."""

import re
from collections.abc import Collection, Sequence

from app.viewmodels.numbers import percent
from backend.services.views import PatternSetView

Patterns = tuple[tuple[int, ...], ...]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_PATTERNS = 126


def is_name(name: str) -> bool:
    """Tell whether a pattern set may have this name."""
    return _NAME.fullmatch(name) is not None


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return `wanted`, or `wanted-2`, `wanted-3` … when it is taken."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def as_patterns(value: object) -> Patterns | None:
    """Return what the editor sent as patterns, or None when it is not shaped like some."""
    if not isinstance(value, (list, tuple)) or len(value) > MAX_PATTERNS:
        return None
    rows = []
    for row in value:
        if not isinstance(row, (list, tuple)) or len(row) != 9:
            return None
        rows.append(tuple(1 if cell else 0 for cell in row))
    return tuple(rows)


def summary(patterns: Sequence[Sequence[int]]) -> str:
    """Return one line: how many patterns, and how many weights each keeps."""
    kept = sorted({sum(pattern) for pattern in patterns})
    number = f"{len(patterns)} pattern{'' if len(patterns) == 1 else 's'}"
    if not kept:
        return number
    entries = f"{kept[0]}" if len(kept) == 1 else f"{kept[0]} to {kept[-1]}"
    return f"{number} · {entries} of 9 weights kept"


def coverage_notes(view: PatternSetView) -> list[str]:
    """Return each pattern's share of a net's kernels, e.g. `24.0 %`; empty when not measured."""
    return [percent(share, 1) for share in view.coverage]
