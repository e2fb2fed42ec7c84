"""Home: the searches as cards, and what to do next."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.components.frame import show
from app.components.states import empty_state, page_head
from app.viewmodels.home_steps import home_steps
from app.viewmodels.numbers import ago, times
from app.viewmodels.progress import state_badge
from backend.services import deployments, searches
from backend.services.views import SearchSummary

ALIVE_FIRST = ("running", "queued", "paused", "interrupted")


def render() -> None:
    """Draw the page."""
    page_head(
        "Punchcard",
        "Prune a CNN with kernel patterns, measure every candidate's own generated code, "
        "and put the one you choose on your device.",
    )
    with errors_shown("The list of searches cannot be read."):
        found = searches.list_searches()
        steps(found)
        if not found:
            empty_state(
                "Nothing has been searched yet",
                "Start with the bundled sample: ResNet-20 on Fashion-MNIST images, measured on "
                "this computer. The form is filled in already.",
                "Set up the first search",
                links.SEARCH,
                new="1",
            )
            with st.container(horizontal=True):
                st.page_link(links.MODEL, label="Or bring an ONNX file", icon=":material/upload:")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Searches", anchor=False)
            if st.button("New search", icon=":material/add:", type="primary"):
                st.switch_page(links.SEARCH, query_params={"new": "1"})
        with st.grid(columns="auto", min_column_width=300, gap="medium"):
            for search in sorted(found, key=_order):
                search_card(search)


ICONS: dict[str, tuple[str, Literal["green", "blue", "gray"]]] = {
    "done": (":material/check_circle:", "green"),
    "next": (":material/play_circle:", "blue"),
    "later": (":material/radio_button_unchecked:", "gray"),
}


def steps(found: Sequence[SearchSummary]) -> None:
    """Draw the way from a model to a device, with the next step marked."""
    with st.grid(columns="auto", min_column_width=180, gap="small"):
        for number, step in enumerate(home_steps(found, deployments.list_deployments()), 1):
            icon, colour = ICONS[step.state]
            with st.container(border=True, height="stretch", key=f"step-{number}"):
                with st.container(horizontal=True, horizontal_alignment="distribute"):
                    st.page_link(
                        step.page, label=f"**{step.title}**", query_params=dict(step.ids) or None
                    )
                    st.badge(step.state, icon=icon, color=colour)
                st.caption(step.says)


def _order(search: SearchSummary) -> tuple[bool, float]:
    return search.state not in ALIVE_FIRST, -search.created_at.timestamp()


def search_card(search: SearchSummary) -> None:
    """Draw one search: state, since when, how far, and what to open next."""
    text, colour, icon = state_badge(search.state)
    ids = {"search": search.id}
    with st.container(border=True, key=f"card-{search.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown(f"**{search.model}** on {search.data}")
            st.badge(text, color=colour, icon=icon)
        place = "this computer" if search.device == "local" else search.device
        st.caption(f"{search.sampler} · measured on {place} · {ago(search.created_at)}")
        total = max(search.total_trials, 1)
        st.progress(
            min(1.0, search.finished_trials / total),
            text=f"{search.finished_trials} of {search.total_trials} candidates",
        )
        best = search.best_speedup
        st.markdown(
            f"Fastest on the front: **{times(best)}** the dense speed"
            if best is not None
            else "No front yet: it needs the first finished candidate."
        )
        with st.container(horizontal=True):
            st.page_link(
                links.SEARCH, label="Progress", icon=":material/monitoring:", query_params=ids
            )
            st.page_link(
                links.FRONT, label="Front", icon=":material/scatter_plot:", query_params=ids
            )


show(render)
