"""The front's figure: a click on a point opens its candidate."""

import streamlit as st

from app.components import links
from app.theme import palette
from app.viewmodels.front import front_figure, trial_of_selection
from backend.services.views import SearchView

CONFIG = {"displaylogo": False, "scrollZoom": False, "responsive": True}


def front_plot(view: SearchView, key: str) -> None:
    """Draw the front; the page switches to the candidate whose point is clicked."""
    figure = front_figure(view, palette(st.context.theme.type))
    state = st.plotly_chart(
        figure,
        key=key,
        on_select="rerun",
        selection_mode="points",
        config=CONFIG,
        alt=f"Accuracy against measured latency of {len(view.trials)} candidates; "
        "the table below has the same numbers",
    )
    picked = trial_of_selection(state["selection"])
    if picked:
        st.switch_page(links.CANDIDATE, query_params={"candidate": picked})
