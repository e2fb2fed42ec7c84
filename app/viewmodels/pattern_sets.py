"""Pattern sets as JSON, as coverage rows, and under names that are still free."""

import json
import re
from collections.abc import Collection, Sequence

from app.viewmodels.numbers import percent
from backend.services.views import PatternSetView

Patterns = tuple[tuple[int, ...], ...]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_PATTERNS = 64
MAX_JSON_BYTES = 100_000


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


def to_json(name: str, patterns: Sequence[Sequence[int]]) -> str:
    """Return a pattern set as the JSON that `from_json` reads; one pattern a line."""
    rows = ",\n    ".join(json.dumps([int(cell) for cell in pattern]) for pattern in patterns)
    return f'{{\n  "name": {json.dumps(name)},\n  "patterns": [\n    {rows}\n  ]\n}}\n'


def from_json(content: bytes) -> tuple[str, Patterns] | str:
    """Read an exported pattern set.

    Returns:
        Name and patterns, or one sentence that says what is wrong with the file.
    """
    if len(content) > MAX_JSON_BYTES:
        return "The file is larger than 100 kB; a pattern set has a few lines."
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return "The file is not JSON; choose one that this page exported."
    if not isinstance(data, dict) or not isinstance(data.get("patterns"), list):
        return 'The file has no "patterns" list; choose one that this page exported.'
    name = data.get("name")
    if not isinstance(name, str) or not is_name(name):
        return 'The "name" must be letters, digits, dots, dashes or underscores (up to 64).'
    rows = data["patterns"]
    if not 1 <= len(rows) <= MAX_PATTERNS:
        return f"A pattern set has 1 to {MAX_PATTERNS} patterns; this file has {len(rows)}."
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != 9 or any(cell not in (0, 1) for cell in row):
            return f"Pattern {number} is not a list of nine zeros and ones."
    return name, tuple(tuple(int(cell) for cell in row) for row in rows)


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
