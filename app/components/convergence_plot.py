"""ADMM's residuals over a training; draws nothing where there are none."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.theme import palette
from app.viewmodels.convergence import (
    ALL_LAYERS,
    convergence_figure,
    convergence_table,
    convergence_words,
    layer_names,
    updates_of,
)
from backend.services.csv_files import csv_bytes

CONFIG = {"displaylogo": False, "scrollZoom": False, "responsive": True}


def convergence_plot(history: Mapping[str, Any] | None, key: str) -> None:
    """Draw how far weights were from their constraints, of all layers or of one.

    Args:
        history: of a pruning run, as its report or its candidate stores it.
        key: tells several of them on one page apart.
    """
    updates = updates_of(history)
    if not updates:
        return
    st.subheader("Convergence of ADMM")
    st.caption(convergence_words(updates))
    layer = st.selectbox(
        "Layer",
        [ALL_LAYERS, *layer_names(updates)],
        key=f"convergence-layer-{key}",
        help="A residual of 0.05 means: 5 % of the layer's norm would be cut off by the mask.",
    )
    figure = convergence_figure(updates, palette(st.context.theme.type), layer)
    st.plotly_chart(
        figure,
        key=f"convergence-{key}",
        config=CONFIG,
        alt="Residuals of ADMM against training steps; the CSV below has the same numbers",
    )
    st.download_button(
        "Convergence as CSV",
        csv_bytes(convergence_table(updates)),
        file_name=f"convergence-{key}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"convergence-csv-{key}",
    )
