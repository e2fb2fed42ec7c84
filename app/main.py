"""The studio's web page: navigation, the line on top, and the page that was asked for."""

import streamlit as st

from app.components.error_panel import error_panel
from app.components.frame import FRAMED, navigation
from app.components.top_line import top_line
from backend.services import status


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.session_state[FRAMED] = True
    page = navigation()
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
