"""A plotly figure of a view model, with the words for those who cannot see it."""

import streamlit as st

from app.viewmodels.figures import Figure

CONFIG = {"displaylogo": False, "scrollZoom": False, "responsive": True}


def chart(figure: Figure, key: str, alt: str) -> None:
    """Draw a figure."""
    st.plotly_chart(figure, key=key, config=CONFIG, alt=alt)
