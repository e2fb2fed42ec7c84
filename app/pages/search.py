"""Search: set one up, start it, and watch its front grow."""

import uuid
from collections.abc import Callable, Sequence

import streamlit as st

from app.components import links
from app.components.error_panel import error_panel, errors_shown
from app.components.frame import show
from app.components.front_plot import front_plot
from app.components.search_controls import asked_notes, paused_note, search_controls
from app.components.search_form import search_form
from app.components.states import next_step, page_head
from app.components.trial_table import trials_table
from app.viewmodels.front import last_trials, plottable
from app.viewmodels.latency_tables import forecast_words
from app.viewmodels.numbers import ago, times
from app.viewmodels.progress import actions, is_alive, search_progress, state_badge
from app.viewmodels.search_form import titles
from backend.services import searches
from backend.services.views import SearchSummary, SearchView

LIVE_SECONDS = 1.0


def render() -> None:
    """Draw the page: the form for a new search, or one search live."""
    page_head("Search", "Every candidate is pruned, fine-tuned, compiled to C, run and timed.")
    with errors_shown("The searches cannot be read."):
        found = searches.list_searches()
        asked = links.id_from_address("search")
        if st.query_params.get("new") or not found:
            new_search(empty=not found)
            return
        known = [search.id for search in found]
        if asked and asked not in known:
            error_panel(
                "This search does not exist.",
                f"No search has the id {asked}; it may have been made with another data folder.",
                "Pick one of the list below.",
            )
        live(picker(found, asked if asked in known else found[0].id))


def new_search(*, empty: bool) -> None:
    """Draw the form; starting is one job row, never work in the page."""
    if empty:
        st.info(
            "No search yet. The form holds the sample project's search: start it as it is, "
            "or change what you like.",
            icon=":material/flag:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("New search", anchor=False)
        if not empty and st.button("Back to the searches", type="tertiary"):
            st.query_params.clear()
            st.rerun()
    config = search_form()
    problems = ["The YAML text cannot be read."] if config is None else []
    if config is not None:
        problems = searches.validate_config(config)
    for problem in problems:
        st.warning(problem, icon=":material/error:")
    # One intent is one search: a double click or a resent form meets the same id.
    request = st.session_state.setdefault("search-request", uuid.uuid4().hex)
    if st.button(
        "Start the search",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(problems),
        help="Mend the problems above first." if problems else "Puts the search in the queue.",
    ):
        with errors_shown("The search was not started."):
            assert config is not None
            search_id = searches.start_search(config, request_id=request)
            del st.session_state["search-request"]
            st.query_params.clear()
            links.put_in_address("search", search_id)
            st.rerun()


def picker(found: Sequence[SearchSummary], shown: str) -> str:
    """Let the user pick a search; the choice stands in the address."""
    by_id = {search.id: search for search in found}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Search",
            list(by_id),
            index=list(by_id).index(shown),
            format_func=lambda i: _option(by_id[i]),
            help="Newest first. The address of this page leads back to the chosen one.",
            width=420,
        )
        if st.button("New search", icon=":material/add:"):
            st.query_params.clear()
            st.query_params["new"] = "1"
            st.rerun()
    links.put_in_address("search", str(chosen))
    return str(chosen)


def _option(search: SearchSummary) -> str:
    return f"{search.model} · {search.data} · {search.sampler} – {ago(search.created_at)}"


def live(search_id: str) -> None:
    """Draw one search; while it is alive this part looks again each second."""
    view = searches.get_search(search_id)
    every = LIVE_SECONDS if is_alive(view.state) else None
    st.fragment(live_part, run_every=every)(search_id, view.state)
    search_controls(view)
    next_step("Choose on the front", links.FRONT, {"search": search_id})
    if view.config:
        with st.expander(f"Configuration: {titles(view.config)}"):
            st.json(dict(view.config))


def live_part(search_id: str, state_before: str) -> None:
    """Draw progress, front and last candidates out of one query."""
    with errors_shown("The search cannot be read."):
        view = searches.get_search(search_id)
        if view.state != state_before:
            st.rerun()
        progress_panel(view)
        if view.state == "paused":
            paused_note(view)
        asked_notes(view)
        if view.state == "failed":
            error_panel(
                "The search has failed.",
                view.error or view.message or "It ended without saying why.",
                "Finished candidates are kept. Mend what is named above, then resume.",
                f"search {view.id}",
            )
        if not plottable(view.trials) and view.dense is None:
            st.info(
                "No candidate has finished yet. The first one appears here as a point; "
                "you may close this page, the search goes on."
                if is_alive(view.state)
                else "This search ended before its first candidate.",
                icon=":material/hourglass_empty:",
            )
        else:
            front_plot(view, key=f"live-front-{search_id}")
        if view.forecast is not None:
            st.caption(forecast_words(view.forecast))
        if not view.trials:
            return
        st.markdown("**Last candidates**")
        trials_table(last_trials(view.trials), key=f"live-table-{search_id}")


def progress_panel(view: SearchView) -> None:
    """Draw state, bar, times and the buttons that make sense now."""
    progress = search_progress(view)
    text, colour, icon = state_badge(view.state)
    with st.container(border=True, key="progress-panel"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.badge(text, color=colour, icon=icon)
            buttons(view)
        st.progress(progress.share, text=progress.bar)
        with st.grid(columns="auto", min_column_width=130, gap="small"):
            st.metric("Elapsed", progress.elapsed)
            st.metric("Time left", progress.left, help="A range, after three candidates.")
            st.metric("On the front", str(len(view.front)))
            st.metric(
                "Best speed-up",
                times(view.best_speedup),
                help="Of the front's candidates over the dense net, both measured.",
            )


CALLS = {
    "pause": (
        "Pause",
        ":material/pause:",
        "Frees the machine; what is in training starts anew later.",
    ),
    "resume": ("Resume", ":material/play_arrow:", "Goes on after the last finished candidate."),
    "cancel": ("Cancel", ":material/stop:", "Ends the search; finished candidates are kept."),
}


def buttons(view: SearchView) -> None:
    """Draw pause, resume and cancel."""
    calls: dict[str, Callable[[str], object]] = {
        "pause": searches.pause_search,
        "resume": searches.resume_search,
        "cancel": searches.cancel_search,
    }
    with st.container(horizontal=True, horizontal_alignment="right"):
        for name in actions(view):
            label, icon, says = CALLS[name]
            if st.button(label, icon=icon, help=says, key=f"{name}-{view.id}"):
                calls[name](view.id)
                st.rerun()


show(render)
