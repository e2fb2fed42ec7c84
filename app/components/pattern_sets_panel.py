"""The sets themselves: pick one, edit it, import and export."""

from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.draft import Draft
from app.components.error_panel import errors_shown
from app.components.pattern_editor import pattern_editor
from app.components.states import empty_state, next_step
from app.viewmodels.pattern_sets import coverage_notes, free_name, summary
from backend.services import patterns
from backend.services.views import PatternSetView


def draw(found: Sequence[PatternSetView], taken: list[str]) -> None:
    """Draw what there is, or the empty state."""
    with st.container(horizontal=True):
        with st.popover("Import JSON", icon=":material/upload:"):
            import_json(taken)
        if st.button("Empty set", icon=":material/add:", help="Start a set from one cross."):
            save_and_open(free_name("my-patterns", taken), ((0, 1, 0, 1, 1, 1, 0, 0, 0),))
    if not found:
        empty_state(
            "No pattern set yet",
            "Extract one from a net's weights, import one, or start from an empty set above.",
            "Look at the models",
            links.MODEL,
        )
        return
    chosen = picker(found)
    draw_set(chosen, taken)
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


def draw_set(view: PatternSetView, taken: list[str]) -> None:
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
            patterns.pattern_file(view.name, edited, view.note) if not problems else "",
            file_name=f"{view.name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            disabled=bool(problems),
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


def import_json(taken: list[str]) -> None:
    """Take a set that was exported before."""
    file = st.file_uploader(
        "Pattern set (JSON)", type=["json"], max_upload_size=1, help="A file this page exported."
    )
    if file is None:
        return
    with errors_shown("The file cannot be taken.", "Choose a file that this page exported."):
        read = patterns.read_pattern_file(file.getvalue())
        st.caption(summary(read.patterns))
        if st.button("Add this set", type="primary"):
            save_and_open(free_name(read.name, taken), read.patterns, read.note)
