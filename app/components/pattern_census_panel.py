"""A net's natural patterns: histogram over the universe, and what the first k cover."""

import streamlit as st

from app.components.chart import chart
from app.components.error_panel import errors_shown
from app.components.net_picker import net_picker
from app.theme import palette
from app.viewmodels.pattern_census import (
    census_sentence,
    census_table,
    coverage_figure,
    histogram_figure,
)
from backend.services import pattern_study
from backend.services.csv_files import csv_bytes

REMEDY = "Pick a net with 3×3 convolutions."


def draw(_taken: list[str]) -> None:
    """Draw the census of a net."""
    st.caption(
        "A kernel's natural pattern is its centre and its three largest other weights (PatDNN, "
        "section 4.1). Counted over all 3×3 kernels of a net, the most frequent make a library."
    )
    model = net_picker("census-net")
    if model is None:
        return
    size = st.slider("Patterns of the library", 1, 56, 8, help="Where the two curves are read.")
    with errors_shown(f"The kernels of {model} cannot be counted.", REMEDY):
        census = pattern_study.study_patterns(model)
        st.markdown(census_sentence(census, size))
        colours = palette(st.context.theme.type)
        with st.grid(columns="auto", min_column_width=380, gap="small"):
            chart(
                histogram_figure(census, size, colours),
                "census-histogram",
                "Share of kernels by natural pattern; the table below has the same numbers",
            )
            chart(
                coverage_figure(census, size, colours),
                "census-coverage",
                "Share of kernels covered and of squared weight kept by the first k patterns",
            )
        table = census_table(census)
        st.dataframe(
            table,
            hide_index=True,
            height=280,
            column_config={
                name: st.column_config.NumberColumn(format="%.2f")
                for name in ("share (%)", "covered (%)", "squared weight kept (%)")
            },
            alt="Patterns of the net by frequency",
        )
        st.download_button(
            "Census as CSV",
            csv_bytes(table),
            file_name=f"{model}-patterns.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
