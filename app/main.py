"""The studio's web page: navigation, the line on top, and the page that was asked for."""

from pathlib import Path

import streamlit as st

from app.components import links
from app.components.error_panel import error_panel
from app.components.top_line import top_line
from backend.services import status

ICONS = Path(__file__).resolve().parent.parent / "assets" / "icons"


def main() -> None:
    """Draw the frame and run the chosen page."""
    # A local picture: a material icon as page icon would be fetched from a font host.
    st.set_page_config("Punchcard", str(ICONS / "punchcard.png"), layout="wide")
    st.logo(str(ICONS / "punchcard-name.svg"), size="large", icon_image=str(ICONS / "punchcard.png"))
    page = st.navigation(
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
            ],
            "Deliver": [
                st.Page(links.DEVICES, title="Devices", icon=":material/developer_board:"),
                st.Page(links.DEPLOY, title="Deploy", icon=":material/rocket_launch:"),
            ],
        },
        expanded=True,
    )
    problem = status.database_problem()
    if problem:
        error_panel(
            "Punchcard cannot open its database.",
            problem,
            "Nothing was changed. Mend this, then reload the page.",
        )
        return
    top_line()
    page.run()


main()
