"""A pattern set as commands show it: drawn, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from backend.services.views import PatternSetView

_A_ROW = 8


def set_json(view: PatternSetView) -> dict[str, Any]:
    """A set as commands report it."""
    return {
        "name": view.name,
        "note": view.note,
        "preset": view.preset,
        "patterns": ["".join(map(str, cells)) for cells in view.patterns],
        "coverage": list(view.coverage),
    }


def draw(view: PatternSetView) -> None:
    """Draw the patterns side by side, # where a weight stays."""
    for first in range(0, len(view.patterns), _A_ROW):
        part = view.patterns[first : first + _A_ROW]
        for row in range(3):
            cells = (cells[3 * row : 3 * row + 3] for cells in part)
            typer.echo("   ".join(" ".join("#" if cell else "." for cell in c) for c in cells))
        shares = view.coverage[first : first + _A_ROW]
        typer.echo("   ".join(f"{100 * share:.1f}".ljust(5) for share in shares))
