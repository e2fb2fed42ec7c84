"""Part of the Devices page: latency tables, built as a job, checked, shared as files."""

import uuid
from collections.abc import Mapping, Sequence

import streamlit as st

from app.components import links
from app.components.chart import chart
from app.components.error_panel import errors_shown
from app.components.job_progress import job_progress
from app.theme import palette
from app.viewmodels.deployments import device_title
from app.viewmodels.latency_tables import (
    coverage_words,
    error_figure,
    error_words,
    table_rows,
    table_title,
)
from backend.services import latency_tables, models
from backend.services.views import DeviceView, JobView, LatencyTableView

JOB = "table-job"
COLUMNS = {
    "dense (ms)": st.column_config.NumberColumn(format="%.4f", help="When the table was begun."),
    "median error (%)": st.column_config.NumberColumn(
        format="%.2f", help="Of |predicted − measured| / measured."
    ),
    "rank correlation": st.column_config.NumberColumn(format="%.4f", help="Spearman's."),
    "largest error (%)": st.column_config.NumberColumn(format="%.1f"),
    "by": st.column_config.TextColumn(help="Candidates that the prediction did not learn from."),
}


def latency_tables_part(devices: Sequence[DeviceView]) -> None:
    """Draw the tables there are, the form that builds one, and the way for somebody's file."""
    st.subheader("Latency tables", anchor=False)
    st.caption(
        "A table holds what every choice of every layer shape takes on a device, measured inside "
        "whole programs. A search on that device then knows latencies before it trains anything; "
        "whatever it measures is learnt as well."
    )
    with errors_shown("The latency tables cannot be read."):
        tables = latency_tables.list_tables()
        used = {device.name: latency_tables.tables_of(device) for device in devices}
        shown = links.id_from_address(JOB)
        if shown:
            job_progress(shown, "Latency table", on_done=built_well, can_resume=True)
        if not tables:
            st.info(
                "No table yet. Searches learn latencies from their own candidates until there "
                "is one.",
                icon=":material/table_chart:",
            )
        for table in tables:
            table_card(table, used)
        with st.container(horizontal=True):
            build_form(devices)
            take_in()


def built_well(job: JobView) -> None:
    """Say what a build ended with."""
    report = job.result or {}
    st.success(
        f"{report.get('table')}: {report.get('programs')} programs, "
        f"{report.get('coverage', 0.0):.0%} of the menus measured twice or more; {job.message}.",
        icon=":material/check_circle:",
    )


def table_card(view: LatencyTableView, used: Mapping[str, Sequence[str]]) -> None:
    """Draw one table: what it is of, how well it predicts, its file."""
    with st.expander(table_title(view), icon=":material/table_chart:"):
        fits = [name for name, tables in used.items() if view.name in tables]
        words = (
            f"Holds for {', '.join(fits)}."
            if fits
            else "Holds for no device here: probe the devices, or name it in a search as a start."
        )
        st.text(f"{view.cpu}, {view.target}, {view.compiler}. {words}")
        st.text(coverage_words(view))
        st.dataframe(table_rows(view), hide_index=True, column_config=COLUMNS, alt="Errors by net")
        for index, net in enumerate(view.nets):
            if net.points:
                chart(
                    error_figure(net.points, palette(st.context.theme.type)),
                    key=f"table-{view.name}-{index}",
                    alt=f"Predicted over measured latency of {net.name}: {error_words(net.error)}",
                )
        with st.container(horizontal=True):
            st.download_button(
                "Table as a file",
                latency_tables.table_file(view.name),
                file_name=f"{view.name}.json",
                mime="application/json",
                icon=":material/download:",
                on_click="ignore",
                key=f"table-file-{view.name}",
            )
            if st.button("Forget", icon=":material/delete:", key=f"table-forget-{view.name}"):
                confirm_forgetting(view.name)


@st.dialog("Forget this table?")
def confirm_forgetting(name: str) -> None:
    """Ask before a table is removed."""
    st.text(f"{name} took minutes to measure. Searches that use it already keep their copy.")
    if st.button("Forget it", type="primary", on_click=forget, args=(name,)):
        st.rerun()


def forget(name: str) -> None:
    """Remove a table."""
    with errors_shown("The table was not removed."):
        latency_tables.remove_table(name)


def build_form(devices: Sequence[DeviceView]) -> None:
    """Let the user build a table, or go on with one."""
    titles = {device.name: device_title(device) for device in devices if not device.emulated}
    with st.form("latency-table", border=True):
        st.markdown("**Build a table**, or measure more for one")
        device = st.selectbox(
            "Device",
            list(titles),
            format_func=lambda name: titles[name],
            help="Where programs are timed.",
        )
        names = [card.name for card in models.list_models()]
        model = st.selectbox(
            "Model",
            names,
            index=names.index("resnet20") if "resnet20" in names else 0,
            help="Its layer shapes are measured; other nets share what has the same shapes.",
        )
        menu = st.selectbox(
            "Choices",
            latency_tables.menu_names(),
            help="sample: the default search's; npas: the paper's; full: all block sizes besides.",
        )
        minutes = st.number_input(
            "Minutes", 1, 600, 10, help="No further batch begins after them; go on at any time."
        )
        checks = st.number_input(
            "Fresh candidates to check it by",
            0,
            1000,
            0,
            help="Predicted first, then measured; they are never learnt from.",
        )
        go = st.form_submit_button("Build", type="primary", icon=":material/timer:")
    if go and device and model and menu:
        with errors_shown("The table was not begun."):
            job = latency_tables.start_table(
                device,
                model,
                menu,
                minutes=float(minutes),
                checks=int(checks),
                request_id=uuid.uuid4().hex,
            )
            links.put_in_address(JOB, job)
            st.rerun()


def take_in() -> None:
    """Let the user bring in somebody's table."""
    with st.container(border=True, key="latency-table-file"):
        st.markdown("**Somebody's table**")
        sent = st.file_uploader(
            "Latency table", type=["json"], help="A file that punchcard bench table --out wrote."
        )
        if sent is not None and st.button("Keep it", icon=":material/upload_file:"):
            with errors_shown("The file was not kept."):
                name = latency_tables.bring_in_table(sent.name, sent.getvalue())
                st.success(f"Kept as {name}.", icon=":material/check_circle:")
