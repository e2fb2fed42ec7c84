"""The 3×3 grids of a pattern set, punched by mouse or keyboard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.viewmodels.pattern_sets import Patterns, as_patterns

HERE = Path(__file__).parent
HTML = '<div class="sets" role="list" aria-label="patterns"></div>'


def _component() -> Any:
    # Registered anew on each run: Streamlit keeps one definition per name.
    return st.components.v2.component(
        "punchcard_pattern_editor",
        html=HTML,
        css=(HERE / "pattern_editor.css").read_text(encoding="utf-8"),
        js=(HERE / "pattern_editor.js").read_text(encoding="utf-8"),
    )


def pattern_editor(
    patterns: Sequence[Sequence[int]],
    *,
    key: str,
    notes: Sequence[str] = (),
    revision: int = 0,
    readonly: bool = False,
) -> Patterns:
    """Draw patterns as grids and return them as they now stand.

    A click or the space bar punches a cell, arrow keys move; each card can be rotated, mirrored,
    duplicated and deleted.

    Args:
        patterns: what to show first, and whenever `revision` changes.
        key: stable name of this editor.
        notes: a few plain words under each pattern, such as its share of a net's kernels.
        revision: a new number makes the editor forget its edits and show `patterns`.
        readonly: presets are looked at, not edited.
    """
    given = [list(pattern) for pattern in patterns]
    result = _component()(
        data={
            "patterns": given,
            "notes": list(notes),
            "readonly": readonly,
            "revision": revision,
        },
        default={"patterns": given},
        key=key,
        on_patterns_change=_ignore,
    )
    sent = None if readonly else as_patterns(result.patterns)
    return sent if sent is not None else tuple(tuple(pattern) for pattern in given)


def _ignore() -> None:
    """Let a change rerun the page; the value is read from the result."""
