"""A set taken from a net: by frequency, by kept energy, or by energy less the cost of loads."""

import streamlit as st

from app.components import links
from app.components.chart import chart
from app.components.error_panel import errors_shown
from app.components.net_picker import net_picker
from app.components.pattern_sets_panel import save_and_open
from app.theme import palette
from app.viewmodels.pattern_pictures import pattern_row_html
from app.viewmodels.pattern_sets import coverage_notes, free_name, is_name
from app.viewmodels.pattern_trade import load_sentence, trade_figure, trade_table
from backend.services import pattern_study
from backend.services.csv_files import csv_bytes
from backend.services.views import PatternSetView

NAME_RULE = "Letters, digits, dots, dashes and underscores; up to 64."
REMEDY = "Pick a net with 3×3 convolutions."
METHODS = {
    "natural": "By frequency",
    "energy": "By kept weight",
    "cost": "Kept weight against loads",
}
ABOUT = {
    "natural": "The most frequent natural patterns, as PatDNN takes them.",
    "energy": "Patterns are added one by one; each time the one that raises the squared weight "
    "kept over all kernels most.",
    "cost": "Ours: kept weight less mu for every input vector that the generated code loads. "
    "Measured on an AVX-512 processor at 8.1×, 6 instead of 9 loads made layers 2 to 4 % faster; "
    "on AVX2, where every pattern loads its own taps, 4 instead of 8 patterns made one of 64 "
    "channels 14 % faster and one of 256 channels no faster. So a small mu is right.",
}


def draw(taken: list[str]) -> None:
    """Draw the form, the set it gives, and for costed sets the curve."""
    model = net_picker("extract-net")
    if model is None:
        return
    method = st.segmented_control(
        "Method", list(METHODS), default="natural", format_func=METHODS.__getitem__
    )
    method = str(method or "natural")
    st.caption(ABOUT[method])
    size = st.slider("Patterns", 1, 32, 8, help="How many patterns the set has.")
    with errors_shown(f"No patterns could be extracted from {model}.", REMEDY):
        targets = pattern_study.pattern_targets()
        target, mu = targets[0], pattern_study.DEFAULT_MU
        if method == "cost":
            target = str(st.selectbox("Target", targets, help="Whose loads are counted."))
            mu = st.number_input(
                "mu",
                0.0,
                1.0,
                pattern_study.DEFAULT_MU,
                step=0.001,
                format="%.4f",
                help="The share of squared weight that one load less is worth.",
            )
        view = pattern_study.extract_patterns(model, size, method, target=target, mu=float(mu))
        result(view, target, taken, f"{model}-{method}-{size}")
        if method == "cost":
            curve(model, size, target)


def result(view: PatternSetView, target: str, taken: list[str], wished: str) -> None:
    """Draw an extracted set, its cost, and the button that keeps it."""
    st.html(pattern_row_html(view.patterns, palette(st.context.theme.type)))
    st.caption(view.note)
    st.caption("Kernels that choose each, in order: " + ", ".join(coverage_notes(view)))
    st.caption(load_sentence(pattern_study.count_loads(view.patterns, target), target))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", free_name(wished, taken), max_chars=64, help=NAME_RULE)
        if st.button("Keep this set", type="primary", disabled=not is_name(name or "")):
            links.put_in_address("view", None)
            save_and_open(free_name(str(name), taken), view.patterns, view.note)


def curve(model: str, size: int, target: str) -> None:
    """Draw how much weight is lost as loads get dearer; computed when it is asked for."""
    if not st.toggle("Show the curve of all prices", help="Takes some seconds for a large net."):
        return
    points = pattern_study.trade_patterns(model, size, target)
    if len(points) == 1:
        st.info(
            f"On {target} all sets of {size} patterns cost {points[0].loads:g} loads: there is "
            "nothing to trade, only their number counts."
        )
        return
    chart(
        trade_figure(points, palette(st.context.theme.type)),
        "trade-curve",
        "Squared weight kept over loads; the table below has the same numbers",
    )
    table = trade_table(points)
    st.dataframe(table, hide_index=True, alt="Sets for rising prices of a load")
    st.download_button(
        "Curve as CSV",
        csv_bytes(table),
        file_name=f"{model}-{target}-trade.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
