"""Patterns: sets of 3×3 kernel patterns to look at, edit, extract from a net and exchange."""

from collections.abc import Callable

import streamlit as st

from app.components import (
    links,
    pattern_census_panel,
    pattern_extraction_panel,
    pattern_library_panel,
    pattern_sets_panel,
    scp_panel,
)
from app.components.error_panel import errors_shown
from app.components.frame import show
from app.components.states import page_head
from backend.services import patterns

VIEWS: dict[str, tuple[str, Callable[[list[str]], None]]] = {
    "census": ("Census", pattern_census_panel.draw),
    "extract": ("Extract", pattern_extraction_panel.draw),
    "library": ("During training", pattern_library_panel.draw),
    "scp": ("Where SCPs come from", scp_panel.draw),
}
SETS = "sets"


def render() -> None:
    """Draw the page."""
    page_head(
        "Patterns",
        "Which of a 3×3 kernel's nine weights are kept. A search chooses one pattern per kernel "
        "out of a set; fewer patterns make shorter code, more keep more accuracy.",
    )
    with errors_shown("The pattern sets cannot be read."):
        found = patterns.list_pattern_sets()
        taken = [view.name for view in found]
        view = switch()
        if view == SETS:
            pattern_sets_panel.draw(found, taken)
        else:
            VIEWS[view][1](taken)


def switch() -> str:
    """Let the user pick a view; the choice stands in the address."""
    titles = {SETS: "Sets", **{name: title for name, (title, _) in VIEWS.items()}}
    asked = links.id_from_address("view")
    chosen = st.segmented_control(
        "View",
        list(titles),
        default=asked if asked in titles else SETS,
        format_func=titles.__getitem__,
        label_visibility="collapsed",
    )
    view = str(chosen or SETS)
    links.put_in_address("view", None if view == SETS else view)
    return view


show(render)
