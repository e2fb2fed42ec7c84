"""Patterns: sets of 3×3 kernel patterns to look at, edit, propose from a net and exchange."""

from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.draft import Draft
from app.components.error_panel import errors_shown
from app.components.frame import show
from app.components.pattern_editor import pattern_editor
from app.components.states import empty_state, next_step, page_head
from app.viewmodels.pattern_sets import (
    MAX_JSON_BYTES,
    coverage_notes,
    free_name,
    from_json,
    is_name,
    summary,
    to_json,
)
from backend.services import models, patterns
from backend.services.views import PatternSetView

NAME_RULE = "Letters, digits, dots, dashes and underscores; up to 64."


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
        with st.container(horizontal=True):
            with st.popover("Propose from a net", icon=":material/auto_awesome:"):
                propose(taken)
            with st.popover("Import JSON", icon=":material/upload:"):
                import_json(taken)
            if st.button("Empty set", icon=":material/add:", help="Start a set from one cross."):
                save_and_open(free_name("my-patterns", taken), ((0, 1, 0, 1, 1, 1, 0, 0, 0),))
        if not found:
            empty_state(
                "No pattern set yet",
                "Propose one from a net's weights, import one, or start from an empty set above.",
                "Look at the models",
                links.MODEL,
            )
            return
        chosen = picker(found)
        draw(chosen, taken)
        next_step("Search with these patterns", links.SEARCH, {"new": "1", "patterns": chosen.name})


def picker(found: Sequence[PatternSetView]) -> PatternSetView:
    """Let the user pick a set; the choice stands in the address."""
    by_name = {view.name: view for view in found}
    asked = links.id_from_address("set")
    name = st.selectbox(
        "Pattern set",
        list(by_name),
        index=list(by_name).index(asked) if asked in by_name else 0,
        format_func=lambda n: f"{n} – preset" if by_name[n].preset else n,
        help="Presets come with Punchcard and stay as they are; duplicate one to change it.",
    )
    links.put_in_address("set", name)
    return by_name[name]


def draw(view: PatternSetView, taken: list[str]) -> None:
    """Draw one set: its grids, what may be done with it, and what is wrong with it."""
    if view.note:
        st.caption(view.note)
    draft = Draft(f"pattern-draft-{view.name}", view.patterns)
    unchanged = draft.value == view.patterns
    edited = pattern_editor(
        draft.value,
        key=f"editor-{view.name}",
        notes=coverage_notes(view) if unchanged else (),
        revision=draft.revision,
        readonly=view.preset,
    )
    draft.value = edited
    st.caption(summary(edited))
    if view.coverage:
        st.caption("Under each pattern: its share of the net's kernels.")
    problems = [] if view.preset else patterns.validate_patterns(edited)
    # A container of its own keeps the buttons below in their place when problems come and go.
    with st.container():
        for problem in problems:
            st.warning(problem, icon=":material/error:")
    changed = tuple(edited) != tuple(view.patterns)
    with st.container(horizontal=True):
        if view.preset:
            if st.button("Duplicate to edit", type="primary", icon=":material/content_copy:"):
                save_and_open(free_name(f"{view.name}-copy", taken), view.patterns)
        else:
            own_set_buttons(view, draft, changed=changed, valid=not problems)
        st.download_button(
            "Export JSON",
            to_json(view.name, edited),
            file_name=f"{view.name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def own_set_buttons(view: PatternSetView, draft: Draft, *, changed: bool, valid: bool) -> None:
    """Draw save, discard and delete of a set that belongs to the user."""
    reason = "Nothing has changed." if not changed else "Mend the problems above first."
    if st.button(
        "Save",
        type="primary",
        icon=":material/save:",
        disabled=not (changed and valid),
        help="Keeps the set as shown." if changed and valid else reason,
    ):
        patterns.save_pattern_set(view.name, draft.value)
        st.toast("Saved.")
        st.rerun()
    if st.button("Discard changes", disabled=not changed, help="Goes back to the saved set."):
        draft.reset(view.patterns)
        st.rerun()
    if st.button("Delete", icon=":material/delete:", help="Asks once more before it deletes."):
        confirm_delete(view.name)


@st.dialog("Delete this pattern set?")
def confirm_delete(name: str) -> None:
    """Ask before a set is deleted."""
    st.text(f"{name} is removed from the list. Searches that used it keep their results.")
    if st.button("Delete it", type="primary", on_click=delete, args=(name,)):
        st.rerun()


def delete(name: str) -> None:
    """Delete a set and forget it in the address."""
    with errors_shown("The pattern set was not deleted."):
        patterns.delete_pattern_set(name)
        links.put_in_address("set", None)


def save_and_open(name: str, rows: tuple[tuple[int, ...], ...], note: str = "") -> None:
    """Keep a new set and show it."""
    patterns.save_pattern_set(name, rows, note)
    links.put_in_address("set", name)
    st.rerun()


def propose(taken: list[str]) -> None:
    """Take the most frequent patterns out of a net's own weights (natural patterns)."""
    names = [card.name for card in models.list_models()]
    model = st.selectbox(
        "Net",
        names,
        help="The pattern that keeps the largest weights of each 3×3 kernel is counted.",
    )
    size = st.slider(
        "Patterns", 2, 32, 8, help="How many of the most frequent patterns the set keeps."
    )
    name = st.text_input(
        "Name",
        free_name(f"{model}-natural-{size}", taken),
        max_chars=64,
        help=NAME_RULE,
    )
    if st.button("Propose", type="primary", disabled=not is_name(name or "") or model is None):
        with errors_shown("No patterns could be proposed.", "Pick a net with 3×3 convolutions."):
            view = patterns.propose_patterns(str(model), int(size))
            shares = ", ".join(coverage_notes(view))
            note = f"Most frequent patterns of {model}; share of its kernels in order: {shares}."
            save_and_open(free_name(str(name), taken), view.patterns, note)


def import_json(taken: list[str]) -> None:
    """Take a set that was exported before."""
    file = st.file_uploader(
        "Pattern set (JSON)", type=["json"], max_upload_size=1, help="A file this page exported."
    )
    if file is None:
        return
    read = from_json(file.getvalue()[: MAX_JSON_BYTES + 1])
    if isinstance(read, str):
        st.error(read, icon=":material/error:")
        return
    name, rows = read
    problems = patterns.validate_patterns(rows)
    for problem in problems:
        st.warning(problem, icon=":material/error:")
    if st.button("Add this set", type="primary", disabled=bool(problems)):
        save_and_open(free_name(name, taken), rows)


show(render)
