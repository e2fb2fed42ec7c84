"""Part of the Model page: operations that phones dislike, and their hard forms (NPAS phase 1)."""

import uuid
from collections.abc import Callable

import pandas as pd
import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.components.job_progress import job_progress
from app.viewmodels.numbers import milliseconds, points, times
from app.viewmodels.replacement import accuracy_table, replacement_table, skipped, summary
from backend.services import jobs, replacements
from backend.services.replacements import ReplaceableRow
from backend.services.views import JobView, Json, ModelCard

JOB, MEASURED = "replace", "gain"
COLUMNS = {
    "replace": st.column_config.CheckboxColumn(help="Untick what shall stay as it is."),
    "largest error": st.column_config.NumberColumn(
        format="%.3f", help="Of the function itself, for inputs from −8 to 8."
    ),
    "where": st.column_config.TextColumn(
        help="A gate scales channels, as in squeeze and excite; it counts little in time."
    ),
    "share of time (%)": st.column_config.NumberColumn(
        format="%.1f", help="Of the compiled layer it is fused into; measured."
    ),
    "gain (%)": st.column_config.NumberColumn(
        format="%.1f", help="Share of the whole net's time that its layer got faster by; measured."
    ),
}


def replacement_part(card: ModelCard) -> None:
    """Draw the table of replaceable operations, the two actions and the last result."""
    st.subheader("Operations without exponentials", anchor=False)
    st.caption(
        "Sigmoid, swish, GELU and the like need an exponential for every value. Hard forms do "
        "without; a short training lets the net settle (NPAS, phase 1)."
    )
    with errors_shown("The operations of this model cannot be listed."):
        rows = replacements.list_replaceable(card.name)
        if not rows:
            st.info("Nothing to replace: every activation of this model is cheap already.")
        else:
            choose(card, rows)
    shown = links.id_from_address(JOB)
    if shown:
        job_progress(shown, "Replacement", on_done=result)


def choose(card: ModelCard, rows: tuple[ReplaceableRow, ...]) -> None:
    """Let the user tick rows, measure what they gain, or replace them."""
    measured = _measured(card)
    table = st.data_editor(
        replacement_table(rows, measured),
        hide_index=True,
        height=min(38 + 35 * len(rows), 360),
        column_config=COLUMNS,
        disabled=[name for name in replacement_table(rows, None).columns if name != "replace"],
        key=f"replace-rows-{card.name}",
    )
    skip = skipped(pd.DataFrame(table))
    st.markdown(f"Chosen: {summary(rows, skip)}.")
    epochs, images, control = settings()
    if not card.trained:
        st.warning(
            "This model has random weights: latencies are real, accuracies mean nothing yet.",
            icon=":material/warning:",
        )
    with st.container(horizontal=True):
        if st.button(
            "Measure the gain",
            icon=":material/timer:",
            disabled=len(skip) == len(rows),
            help="Compiles both nets and times them in turns on this computer; trains nothing.",
        ):
            _start(MEASURED, lambda: _measure(card.name, skip))
        if st.button(
            "Replace and fine-tune",
            type="primary",
            icon=":material/swap_horiz:",
            disabled=len(skip) == len(rows),
            help="Makes a new model beside this one; this one stays as it is.",
        ):
            _start(JOB, lambda: _replace(card.name, skip, epochs, images, control))


def settings() -> tuple[int, int, bool]:
    """Let the user set the fine-tuning: epochs, images of an epoch, with a control or not."""
    with st.grid(columns="auto", min_column_width=180, gap="small"):
        epochs = st.number_input(
            "Epochs", 0, 100, 2, help="Passes over the images; 0 replaces without training."
        )
        images = st.number_input(
            "Images of an epoch", 64, 1_000_000, 4000, step=500, help="Of the training images."
        )
    control = st.checkbox(
        "Train the original just as long",
        help="Tells what the hard forms cost apart from what more training gives. Takes twice "
        "the time.",
    )
    return int(epochs), int(images), control


def _measure(model: str, skip: list[str]) -> str:
    return replacements.start_replacement(
        model, skip=skip, measure_only=True, request_id=uuid.uuid4().hex
    )


def _replace(model: str, skip: list[str], epochs: int, images: int, control: bool) -> str:
    return replacements.start_replacement(
        model,
        skip=skip,
        epochs=epochs,
        images=images,
        with_control=control,
        request_id=uuid.uuid4().hex,
    )


def _start(key: str, start: Callable[[], str]) -> None:
    with errors_shown("The replacement was not started."):
        links.put_in_address(key, start())
        st.rerun()


def _measured(card: ModelCard) -> Json | None:
    """The gain that was measured last, if it is of this model; its progress while it runs."""
    job_id = links.id_from_address(MEASURED)
    if not job_id:
        return None
    report = jobs.get_job(job_id).result
    if report is None:
        job_progress(job_id, "Measuring the gain", on_done=lambda _: None)
        return None
    if report.get("of") != card.name:
        return None
    timing = report["timing"]
    st.success(
        f"Hard forms: {milliseconds(timing['before_ms'])} → {milliseconds(timing['after_ms'])}, "
        f"{times(timing['speedup'])} as fast. The columns at the right tell where.",
        icon=":material/timer:",
    )
    return report


def result(job: JobView) -> None:
    """Draw what a replacement gave, before beside after."""
    report = job.result or {}
    timing, seen = report["timing"], report["accuracy"]
    st.success(
        f"{report['of']} became {report['model']}; it is kept among your models.",
        icon=":material/check_circle:",
    )
    lost = seen["tuned"]["accuracy"] - seen["original"]["accuracy"]
    with st.grid(columns="auto", min_column_width=150, gap="small"):
        st.metric("Latency before", milliseconds(timing["before_ms"]), border=True)
        st.metric(
            "Latency after",
            milliseconds(timing["after_ms"]),
            f"{times(timing['speedup'])} as fast",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Medians of both programs, timed in turns on one thread of this computer.",
        )
        st.metric("Test accuracy, difference", points(lost), border=True)
    st.dataframe(accuracy_table(report), hide_index=True, alt="Accuracy before and after")
    with st.container(horizontal=True):
        if st.button("Show the new model", icon=":material/schema:"):
            st.query_params.clear()
            links.put_in_address("model", str(report["model"]))
            st.rerun()
        if st.button("Search with it", icon=":material/search:"):
            st.switch_page(links.SEARCH, query_params={"new": "1", "model": str(report["model"])})
