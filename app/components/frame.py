"""The frame of every page: navigation, and the guard that a page is never shown without it."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app.components import links

FRAMED = "framed"
ICONS = Path(__file__).resolve().parents[2] / "assets" / "icons"


def navigation() -> StreamlitPage:
    """Draw the navigation and return the page that was asked for."""
    # A local picture: a page's material icon as favicon would be fetched from a font host.
    icon = str(ICONS / "punchcard.png")
    st.set_page_config("Punchcard", icon, layout="wide")
    st.logo(str(ICONS / "punchcard-name.svg"), size="large", icon_image=icon)
    return st.navigation(
        {
            "": [st.Page(links.HOME, title="Home", icon=":material/home:", default=True)],
            "Design": [
                st.Page(links.MODEL, title="Model", icon=":material/schema:"),
                st.Page(links.PATTERNS, title="Patterns", icon=":material/apps:"),
            ],
            "Run": [
                st.Page(links.SEARCH, title="Search", icon=":material/search:"),
                st.Page(links.FRONT, title="Front", icon=":material/scatter_plot:"),
                st.Page(links.CANDIDATE, title="Candidate", icon=":material/article:"),
                st.Page(links.ENHANCE, title="Enhancement", icon=":material/center_focus_strong:"),
            ],
            "Deliver": [
                st.Page(links.DEVICES, title="Devices", icon=":material/developer_board:"),
                st.Page(links.DEPLOY, title="Deploy", icon=":material/rocket_launch:"),
            ],
        },
        expanded=True,
    )


def show(render: Callable[[], None]) -> None:
    """Run a page inside the frame.

    Streamlit takes a folder named `pages` for its older kind of app until `st.navigation` was
    called once: on a fresh server a link straight to a page would run that page alone. Then the
    navigation is drawn here, and the run starts again through `main.py`.
    """
    if FRAMED not in st.session_state:
        navigation()
        st.rerun()
    render()
