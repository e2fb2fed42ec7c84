"""Front: accuracy against measured latency; click a point to open its candidate."""

from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.error_panel import error_panel, errors_shown
from app.components.frame import show
from app.components.front_plot import front_plot
from app.components.states import empty_state, page_head
from app.components.trial_table import trials_table
from app.viewmodels.front import front_trials, plottable
from app.viewmodels.numbers import ago, milliseconds, percent
from app.viewmodels.progress import is_alive
from backend.services import exports, searches
from backend.services.views import SearchSummary, SearchView

LIVE_SECONDS = 3.0


def render() -> None:
    """Draw the page."""
    page_head("Front", "Accuracy against measured latency. Click a point to open its candidate.")
    with errors_shown("The front cannot be read."):
        found = searches.list_searches()
        if not found:
            empty_state(
                "No front yet",
                "A front needs a search: its finished candidates are the points.",
                "Set up a search",
                links.SEARCH,
                new="1",
            )
            return
        asked = links.id_from_address("search")
        if asked and asked not in [search.id for search in found]:
            error_panel(
                "This search does not exist.",
                f"No search has the id {asked}.",
                "Pick one of the list below.",
            )
        chosen = picker(found, asked)
        view = searches.get_search(chosen)
        every = LIVE_SECONDS if is_alive(view.state) else None
        st.fragment(front_part, run_every=every)(chosen, view.state)


def picker(found: Sequence[SearchSummary], asked: str | None) -> str:
    """Let the user pick a search; the choice stands in the address."""
    by_id = {search.id: search for search in found}
    chosen = st.selectbox(
        "Search",
        list(by_id),
        index=list(by_id).index(asked) if asked in by_id else 0,
        format_func=lambda i: (
            f"{by_id[i].model} · {by_id[i].data} · {by_id[i].sampler} – {ago(by_id[i].created_at)}"
        ),
        help="Newest first. The address of this page leads back to the chosen one.",
        width=420,
    )
    links.put_in_address("search", str(chosen))
    return str(chosen)


def front_part(search_id: str, state_before: str) -> None:
    """Draw figure, table and export of one search out of one query."""
    with errors_shown("The front cannot be read."):
        view = searches.get_search(search_id)
        if view.state != state_before:
            st.rerun()
        points = plottable(view.trials)
        if not points:
            working_or_empty(view)
            return
        front_plot(view, key=f"front-{search_id}")
        st.caption(
            "Filled: on the front. Ring: beaten by another in both. Diamond: the dense net, "
            "trained the same way. Whiskers: spread of the latency samples and one standard "
            "error of the accuracy. Dashed: your limits."
        )
        dense = view.dense
        if dense is not None:
            st.markdown(
                f"Dense baseline: **{percent(dense.accuracy)}** at "
                f"**{milliseconds(dense.latency_ms)}**."
            )
        only = st.toggle(
            "Only the front", value=True, help="Off shows every finished candidate.", key="only"
        )
        trials_table(front_trials(view) if only else points, key=f"front-table-{search_id}")
        with st.container(horizontal=True):
            # Made when clicked: this part is drawn again every few seconds.
            st.download_button(
                "All candidates as CSV",
                lambda: exports.trials_as_csv(search_id),
                file_name=f"trials-{search_id}.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
            st.download_button(
                "as Parquet",
                lambda: exports.trials_as_parquet(search_id),
                file_name=f"trials-{search_id}.parquet",
                mime="application/vnd.apache.parquet",
                icon=":material/download:",
                on_click="ignore",
            )


def working_or_empty(view: SearchView) -> None:
    """Draw the front of a search that has no finished candidate."""
    if is_alive(view.state):
        st.info(
            f"The search runs, but no candidate has finished yet: {view.message or view.phase}.",
            icon=":material/hourglass_empty:",
        )
        st.progress(0.0, text=f"0 of {view.total_trials} candidates")
        return
    empty_state(
        "This search has no finished candidate",
        view.error or "It ended before its first one. Resume it, or start another.",
        "Open the search",
        links.SEARCH,
        search=view.id,
    )


show(render)
