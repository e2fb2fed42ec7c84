"""Trials as a table whose rows link to their candidates: the keyboard's way to a point."""

from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.viewmodels.front import trial_table
from backend.services.views import TrialRow

COLUMNS = {
    "front": st.column_config.CheckboxColumn(help="Not beaten in both accuracy and latency."),
    "accuracy (%)": st.column_config.NumberColumn(format="%.2f", help="On validation images."),
    "± (pt)": st.column_config.NumberColumn(format="%.2f", help="One standard error."),
    "latency (ms)": st.column_config.NumberColumn(format="%.3f", help="Median of the samples."),
    "spread (ms)": st.column_config.NumberColumn(format="%.3f", help="Spread of the samples."),
    "speed-up (×)": st.column_config.NumberColumn(format="%.2f", help="Dense latency ÷ this."),
    "rate (×)": st.column_config.NumberColumn(format="%.2f", help="Dense ÷ kept weights."),
    "memory (kB)": st.column_config.NumberColumn(
        format="%.0f", help="Peak of one inference: packed weights and working memory."
    ),
    "error": st.column_config.NumberColumn(
        format="%.1e", help="Largest relative difference from the reference outputs."
    ),
}


def trials_table(trials: Sequence[TrialRow], key: str) -> None:
    """Draw trials; the first column opens a candidate."""
    link = links.address_of(links.CANDIDATE, "candidate", "")
    st.dataframe(
        trial_table(trials, link),
        key=key,
        hide_index=True,
        placeholder="–",
        column_config={
            "candidate": st.column_config.LinkColumn(
                display_text=r"candidate=(.*)$", help="Opens the candidate."
            ),
            **COLUMNS,
        },
        alt="Candidates with accuracy, latency and rate",
    )
