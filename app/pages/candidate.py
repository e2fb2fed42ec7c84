"""Candidate: what one point of the front is made of, and the way to a device."""

import statistics
from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.components.finalise_part import finalise_part
from app.components.frame import show
from app.components.pruning_part import pruning_part
from app.components.search_controls import try_next
from app.components.states import empty_state, page_head
from app.theme import palette
from app.viewmodels.latency_tables import predicted_words
from app.viewmodels.layers import candidate_table, rate_bars, time_bars, weighted
from app.viewmodels.masks import mask_picture
from app.viewmodels.numbers import error_size, milliseconds, percent, points, size, times
from app.viewmodels.roofline import beneath_roof, roofline_figure, roofline_rows
from app.viewmodels.rungs import rung_table
from backend.services import candidates
from backend.services.csv_files import csv_bytes
from backend.services.views import CandidateView, LayerView

LAYER_COLUMNS = {
    "filter type": st.column_config.TextColumn(help="What stands in the layer's place."),
    "rate asked (×)": st.column_config.NumberColumn(format="%.2f"),
    "rate (×)": st.column_config.NumberColumn(format="%.2f", help="Dense ÷ kept weights."),
    "MACs kept (%)": st.column_config.NumberColumn(format="%.1f"),
    "dense (ms)": st.column_config.NumberColumn(format="%.3f", help="Measured, dense net."),
    "now (ms)": st.column_config.NumberColumn(format="%.3f", help="Measured, this candidate."),
    "speed-up (×)": st.column_config.NumberColumn(
        format="%.2f", help="Of all that stands in the dense layer's place."
    ),
    "format": st.column_config.TextColumn(help="How the weights are stored."),
    "tuned": st.column_config.CheckboxColumn(help="Off: the default schedule."),
}
ROOF_COLUMNS = {
    "time (ms)": st.column_config.NumberColumn(format="%.4f"),
    "MFLOP left": st.column_config.NumberColumn(
        format="%.2f", help="Two a remaining weight and output."
    ),
    "weights (kB)": st.column_config.NumberColumn(format="%.1f", help="With their positions."),
    "values (kB)": st.column_config.NumberColumn(format="%.1f", help="Read and written."),
    "GFLOP/s": st.column_config.NumberColumn(format="%.1f"),
    "share of peak (%)": st.column_config.NumberColumn(format="%.0f"),
}


def render() -> None:
    """Draw the page."""
    candidate_id = links.id_from_address("candidate")
    if candidate_id is None:
        page_head("Candidate", "One point of a front: its layers, its code, its numbers.")
        empty_state(
            "No candidate picked",
            "Click a point on the front, or a row of its table.",
            "Open the front",
            links.FRONT,
        )
        return
    with errors_shown("This candidate cannot be shown.", "Pick another one on the front."):
        draw(candidates.get_candidate(candidate_id))


def draw(view: CandidateView) -> None:
    """Draw one candidate."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            page_head(
                f"Candidate {view.id}", "Measured on its own generated code, beside the dense net."
            )
        if st.button("Deploy", type="primary", icon=":material/rocket_launch:"):
            st.switch_page(links.DEPLOY, query_params={"candidate": view.id})
    numbers(view)
    names = ["Layers", "Roofline", "Generated C", "Masks", "Training", "Plan", "Finalise"]
    layers, roof, code, masks, training, plan, finalise = st.tabs(names, key="parts")
    with layers:
        layers_part(view)
    with roof:
        roofline_part(view)
    with code:
        code_part(view)
    with masks:
        masks_part(view)
    with training:
        pruning_part(view)
    with plan:
        st.caption("The same candidate as a file for `punchcard prune --plan`.")
        st.code(view.plan_yaml, language="yaml")
        st.download_button(
            "Plan as YAML",
            view.plan_yaml,
            file_name=f"plan-{view.id}.yaml",
            mime="application/yaml",
            icon=":material/download:",
            on_click="ignore",
        )
        if view.search_id:
            try_next(view.plan_yaml, view.id, view.search_id)
    with finalise:
        finalise_part(view)
    st.page_link(
        links.ENHANCE,
        label="Compare what it sees",
        icon=":material/center_focus_strong:",
        query_params={"candidate": view.id, "new": "1"},
    )
    st.page_link(
        links.FRONT,
        label="Back to the front",
        icon=":material/arrow_back:",
        query_params={"search": view.search_id},
    )


def numbers(view: CandidateView) -> None:
    """Draw the candidate's numbers against the dense net's."""
    lost = None if view.dense_accuracy is None else view.accuracy - view.dense_accuracy
    with st.grid(columns="auto", min_column_width=140, gap="small"):
        st.metric(
            "Accuracy",
            percent(view.accuracy),
            None if lost is None else points(lost).replace("−", "-"),
            border=True,
            height="stretch",
            help=f"Validation images; standard error {points(view.accuracy_se).lstrip('+')}. "
            f"Test images: {percent(view.test_accuracy)}.",
        )
        st.metric(
            "Latency",
            milliseconds(view.latency_ms),
            _beside(view),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help=f"Median of {len(view.samples_ms)} runs{_spread(view)}.{_predicted(view)}",
        )
        st.metric(
            "Speed-up",
            times(view.speedup),
            border=True,
            height="stretch",
            help="Dense latency ÷ this one.",
        )
        st.metric(
            "Rate",
            times(view.rate),
            border=True,
            height="stretch",
            help="All dense ÷ all kept weights.",
        )
        st.metric("Packed weights", size(view.size_bytes), border=True, height="stretch")
        st.metric(
            "Memory",
            "–" if view.memory_bytes is None else size(view.memory_bytes),
            border=True,
            height="stretch",
            help="Peak of one inference: packed weights and working memory.",
        )
        st.metric(
            "Largest error",
            error_size(view.max_relative_error),
            border=True,
            height="stretch",
            help="Relative difference of the program's outputs from the reference's.",
        )
    if view.rungs:
        evaluations_part(view)


def evaluations_part(view: CandidateView) -> None:
    """Draw what the candidate was at each fidelity, beside the dense net at the same."""
    st.dataframe(
        rung_table(view.rungs),
        hide_index=True,
        placeholder="–",
        column_config={
            "accuracy (%)": st.column_config.NumberColumn(format="%.2f"),
            "± (pt)": st.column_config.NumberColumn(format="%.2f"),
            "cross-entropy": st.column_config.NumberColumn(format="%.3f"),
            "dense (%)": st.column_config.NumberColumn(
                format="%.2f", help="The dense net with the same extra training."
            ),
            "difference (pt)": st.column_config.NumberColumn(format="%+.2f"),
            "latency (ms)": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="Accuracy at each fidelity of the search",
    )


def _beside(view: CandidateView) -> str:
    dense = f"dense {milliseconds(view.dense_latency_ms)}"
    if view.predicted_ms is None:
        return dense
    return f"{dense}, {milliseconds(view.predicted_ms)} predicted"


def _predicted(view: CandidateView) -> str:
    words = predicted_words(view.predicted_ms, view.latency_ms)
    return "" if words is None else f" Before it ran: {words}."


def _spread(view: CandidateView) -> str:
    if len(view.samples_ms) < 2:
        return ""
    quarters = statistics.quantiles(view.samples_ms, n=4)
    return f", half of them between {quarters[0]:.3f} and {quarters[2]:.3f} ms"


def layers_part(view: CandidateView) -> None:
    """Draw rate and time of each layer, as bars and as a table."""
    colours = palette(st.context.theme.type)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Time per layer**")
        if any(layer.ms is not None for layer in view.layers):
            st.plotly_chart(time_bars(view.layers, colours), key="time-bars")
        else:
            st.info("No per-layer times were taken for this candidate.")
    with right:
        st.markdown("**Rate per layer**")
        st.plotly_chart(rate_bars(view.layers, colours), key="rate-bars")
    table = candidate_table(view.layers)
    st.dataframe(table, hide_index=True, column_config=LAYER_COLUMNS, alt="Layers, dense vs now")
    st.download_button(
        "Layers as CSV",
        csv_bytes(table),
        file_name=f"layers-{view.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def roofline_part(view: CandidateView) -> None:
    """Draw how near each layer comes to what the machine can do."""
    timed = beneath_roof(view.layers)
    if view.peak is None or not timed:
        st.info(
            "The roof is not known: it is measured when a search begins on this computer, "
            "or by `punchcard run --profile`."
        )
        return
    st.caption(
        f"Remaining work against {view.peak.gflops:.0f} GFLOP/s, measured on "
        f"{view.peak.threads} thread(s) of the machine; the program was built for "
        f"{view.threads} thread(s)."
    )
    colours = palette(st.context.theme.type)
    st.plotly_chart(roofline_figure(timed, view.peak, colours), key="roofline")
    table = roofline_rows(timed)
    st.dataframe(table, hide_index=True, column_config=ROOF_COLUMNS, alt="Layers beneath the roof")
    st.download_button(
        "Roofline as CSV",
        csv_bytes(table),
        file_name=f"roofline-{view.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def layer_picker(layers: Sequence[LayerView], key: str, says: str) -> LayerView | None:
    """Let the user pick a layer; None when there is none."""
    if not layers:
        return None
    by_name = {layer.name: layer for layer in layers}
    first = next((layer.name for layer in layers if layer.scheme != "dense"), layers[0].name)
    name = st.selectbox(
        "Layer", list(by_name), index=list(by_name).index(first), key=key, help=says
    )
    return by_name[str(name)]


def code_part(view: CandidateView) -> None:
    """Draw the C that was generated for a layer."""
    sources = dict(view.sources)
    if not sources:
        st.info("The generated sources of this candidate were not kept.")
        return
    with_code = [layer for layer in view.layers if layer.source in sources]
    layer = layer_picker(with_code, "code-layer", "Shows the microkernel that computes it.")
    others = [name for name in sources if layer is None or name != layer.source]
    if layer is not None:
        st.caption(f"{layer.source} · {layer.kernel} · scheme {layer.scheme.replace('_', '-')}")
        st.code(sources[layer.source], language="c", line_numbers=True, height=520)
    with st.expander(f"Other files ({len(others)})"):
        name = st.selectbox("File", others, key="code-file", help="Driver, header and kernels.")
        if name is not None:
            st.code(sources[name], language="c", line_numbers=True, height=520)


def masks_part(view: CandidateView) -> None:
    """Draw a layer's mask as small multiples."""
    pruned = [layer for layer in weighted(view.layers) if layer.scheme != "dense"]
    layer = layer_picker(pruned, "mask-layer", "Rows are filters, columns are input channels.")
    if layer is None:
        st.info("Every layer of this candidate is dense: there is no mask to look at.")
        return
    with errors_shown("This layer's mask cannot be read."):
        mask = candidates.layer_mask(view.id, layer.name)
        picture = mask_picture(mask, palette(st.context.theme.type))
        st.image(
            picture.pixels,
            caption=f"{picture.filters} of {picture.of_filters} filters (rows) × "
            f"{picture.channels} of {picture.of_channels} channels (columns); "
            f"dark = kept, rate {times(layer.rate)}",
            alt=f"Kept weights of layer {layer.name}",
        )


show(render)
