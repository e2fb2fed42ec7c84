"""A library extracted while the net is trained: start the job, watch it, see its stages."""

import secrets

import streamlit as st

from app.components import links
from app.components.chart import chart
from app.components.error_panel import errors_shown
from app.components.job_progress import job_progress
from app.components.net_picker import net_picker
from app.theme import palette
from app.viewmodels.pattern_sets import free_name, is_name
from app.viewmodels.pattern_stages import stages_figure, stages_sentence, stages_table
from backend.services import data, pattern_libraries
from backend.services.csv_files import csv_bytes
from backend.services.views import JobView

REQUEST = "library-request"
TITLE = "The extraction"


def draw(taken: list[str]) -> None:
    """Draw the form and the job that the address names."""
    st.caption(
        "Ma et al. (ECCV 2020): training starts with all 56 patterns, kernels choose among them, "
        "and after each stage the least chosen go. Here kernels are drawn to their best pattern "
        "by a penalty; the papers' ADMM shrinks the same library inside a pruning run."
    )
    job = links.id_from_address("job")
    form(taken, is_open=job is None)
    if job is not None:
        job_progress(job, TITLE, stages)


def form(taken: list[str], *, is_open: bool) -> None:
    """Draw what to extract from, how long, and where to stop."""
    with st.expander("Extract a library", icon=":material/model_training:", expanded=is_open):
        model = net_picker("library-net")
        if model is None:
            return
        cards = data.list_data()
        chosen = st.selectbox("Data", [card.name for card in cards], help="What it is trained on.")
        with st.grid(columns="auto", min_column_width=170, gap="small"):
            epochs = st.number_input("Epochs of a stage", 1, 100, 1, help="Four stages follow.")
            images = st.number_input(
                "Images of an epoch", 64, 1_000_000, 4000, step=1000, help="At most."
            )
            stop = st.number_input(
                "Stop rule (%)",
                1,
                100,
                100,
                help="End where the patterns to drop were chosen by this share of kernels or "
                "more. 100 goes down to 4 patterns.",
            )
            name = st.text_input(
                "Name", free_name(f"{model}-library", taken), max_chars=64, help="Of the set kept."
            )
        request = st.session_state.setdefault(REQUEST, secrets.token_hex(8))
        if st.button("Start", type="primary", disabled=not is_name(name or "")):
            with errors_shown("The extraction was not started."):
                started = pattern_libraries.start_library(
                    model,
                    str(chosen),
                    name=str(name),
                    epochs=int(epochs),
                    images=int(images),
                    stop_share=int(stop) / 100,
                    request_id=request,
                )
                del st.session_state[REQUEST]
                links.put_in_address("job", started)
                st.rerun()


def stages(job: JobView) -> None:
    """Draw the history of a finished extraction."""
    result = job.result or {}
    found = pattern_libraries.library_stages(result)
    st.success(stages_sentence(found), icon=":material/check_circle:")
    chart(
        stages_figure(found, palette(st.context.theme.type)),
        "library-stages",
        "Kernels by chosen pattern before each cut; the table below has the cuts",
    )
    table = stages_table(found)
    st.dataframe(table, hide_index=True, alt="Stages of the extraction")
    with st.container(horizontal=True):
        st.page_link(
            links.PATTERNS,
            label="Open the set",
            icon=":material/apps:",
            query_params={"set": str(result.get("patterns", ""))},
        )
        st.download_button(
            "Stages as CSV",
            csv_bytes(table),
            file_name="library-stages.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
