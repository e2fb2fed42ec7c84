"""What may change while a search runs: budget, evaluators, and what is tried next."""

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.viewmodels.progress import limit_words
from backend.services import searches
from backend.services.views import SearchView


def search_controls(view: SearchView) -> None:
    """Draw the form for another budget or number of evaluators."""
    title = "Go on with a larger budget" if view.state == "done" else "Budget and workers"
    with (
        st.expander(f"{title}: {limit_words(view)}", icon=":material/tune:"),
        st.form(f"controls-{view.id}", border=False),
    ):
        trials, minutes, epochs, workers = st.columns(4)
        with trials:
            wanted_trials = st.number_input(
                "Candidates in all",
                min_value=0,
                max_value=100_000,
                value=int(view.budget.get("trials") or 0),
                help="0: no limit. Fewer than have finished ends the search.",
            )
        with minutes:
            wanted_minutes = st.number_input(
                "Minutes in all",
                min_value=0.0,
                value=float(view.budget.get("minutes") or 0.0),
                step=5.0,
                format="%g",
                help="0: no limit. Running time, pauses not counted.",
            )
        with epochs:
            wanted_epochs = st.number_input(
                "Epochs in all",
                min_value=0,
                value=int(view.budget.get("epochs") or 0),
                step=10,
                help=f"0: no limit. {view.epochs_spent} have been trained.",
            )
        with workers:
            wanted_workers = st.number_input(
                "In training at once",
                min_value=1,
                max_value=1024,
                value=view.workers,
                help="Evaluator processes; one that works is ended after its candidate.",
            )
        if st.form_submit_button("Apply", icon=":material/check:"):
            with errors_shown("Nothing was changed."):
                searches.change_search(
                    view.id,
                    trials=int(wanted_trials),
                    minutes=float(wanted_minutes),
                    epochs=int(wanted_epochs),
                    workers=int(wanted_workers),
                )
                st.rerun()


def asked_notes(view: SearchView) -> None:
    """Draw the candidates that were asked for and wait for their turn."""
    for asked in view.asked:
        count = len(asked.choices)
        st.caption(
            f":material/playlist_add: Next: **{asked.origin}** – {count} pruned "
            f"layer{'' if count == 1 else 's'}, asked for by hand."
        )


def paused_note(view: SearchView) -> None:
    """Say what a paused search keeps and that it holds nothing of the machine."""
    st.info(
        f"Paused after {view.finished_trials} finished candidates: nothing runs, no memory or "
        "core is held. What was in training starts anew when you resume.",
        icon=":material/pause_circle:",
    )


def try_next(plan_yaml: str, candidate_id: str, search_id: str) -> None:
    """Draw a candidate's plan for editing, and the button that asks a search to try it."""
    found = {search.id: search for search in searches.list_searches() if search.state != "done"}
    st.markdown("**Try this next**")
    if not found:
        st.caption(
            "Every search has spent its budget. Raise one's budget on the Search page, "
            "then edit this candidate here and have it tried."
        )
        return
    with st.form(f"try-{candidate_id}", border=True):
        text = st.text_area(
            "Plan",
            plan_yaml,
            height=260,
            help="Change layers as you like; choices have to be on the menus of the search.",
        )
        ids = list(found)
        chosen = st.selectbox(
            "Search",
            ids,
            index=ids.index(search_id) if search_id in found else 0,
            format_func=lambda i: f"{found[i].model} on {found[i].device} – {found[i].state}",
            help="It tries the candidate before anything its sampler proposes.",
        )
        asked = st.form_submit_button("Try this next", icon=":material/playlist_add:")
    if asked:
        from backend.services import enqueue

        with errors_shown("The candidate was not taken."):
            enqueue.enqueue_plan(str(chosen), text or "", f"candidate {candidate_id}, edited")
            st.success("It is tried next.", icon=":material/check_circle:")
            st.page_link(links.SEARCH, label="Watch it", query_params={"search": str(chosen)})
