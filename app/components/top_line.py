"""The line on top of every page: is the worker alive, what is running, how to start it."""

import streamlit as st

from app.viewmodels.worker_badge import worker_badge
from backend.services import status

REFRESH_SECONDS = 5


@st.fragment(run_every=REFRESH_SECONDS)
def top_line() -> None:
    """Draw the worker badge; it looks again every five seconds by itself."""
    badge = worker_badge(status.worker_status())
    with st.container(horizontal=True, horizontal_alignment="right", key="top-line"):
        st.badge(badge.text, icon=badge.icon, color=badge.colour, help=badge.help)
    if badge.remedy:
        st.warning(badge.remedy, icon=":material/pause_circle:")
