"""Deploy: one click builds for the device, puts, self-tests and switches; then it is verified."""

import uuid
from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.deployment_steps import deployment_steps
from app.components.error_panel import error_panel, errors_shown
from app.components.frame import show
from app.components.job_progress import job_progress
from app.components.states import empty_state, page_head
from app.viewmodels.deployments import device_title, history_table
from app.viewmodels.numbers import milliseconds, percent, times
from app.viewmodels.progress import is_alive
from backend.services import candidates, deployments, devices
from backend.services.csv_files import csv_bytes
from backend.services.views import DeploymentView, DeviceView, JobView

HISTORY_COLUMNS = {
    "when": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    "verified": st.column_config.CheckboxColumn(help="Outputs on the device match the reference."),
    "latency (ms)": st.column_config.NumberColumn(format="%.3f"),
    "error": st.column_config.NumberColumn(format="%.1e"),
    "changed": st.column_config.CheckboxColumn(help="Off: the same release was there already."),
}


def render() -> None:
    """Draw the page."""
    page_head(
        "Deploy",
        "Build for the device, put it there, test it there, then switch. Until the switch the "
        "previous release keeps answering.",
    )
    with errors_shown("The deployments cannot be read."):
        found = devices.list_devices()
        past = deployments.list_deployments()
        candidate_id = links.id_from_address("candidate")
        if candidate_id:
            one_click(candidate_id, found)
        elif not past:
            empty_state(
                "Nothing deployed yet",
                "Pick a candidate on the front, open it, and press Deploy.",
                "Open the front",
                links.FRONT,
            )
            return
        current(past)
        history(past, found)


def one_click(candidate_id: str, found: Sequence[DeviceView]) -> None:
    """Draw device choice and the one button."""
    with errors_shown("This candidate cannot be deployed.", "Pick another one on the front."):
        view = candidates.get_candidate(candidate_id)
        names = {device.name: device for device in found}
        with st.container(border=True, key="one-click"):
            st.markdown(
                f"**Candidate {view.id}** · {percent(view.accuracy)} · "
                f"{milliseconds(view.latency_ms)} · {times(view.speedup)} the dense speed"
            )
            asked = links.id_from_address("device")
            with st.container(horizontal=True, vertical_alignment="bottom"):
                device = st.selectbox(
                    "Device",
                    list(names),
                    index=list(names).index(asked) if asked in names else 0,
                    format_func=lambda n: device_title(names[n]),
                    help="The program is built for this device's processor.",
                    width=320,
                )
                seconds = st.number_input(
                    "Tune for (s)",
                    min_value=0,
                    max_value=3600,
                    value=0,
                    step=30,
                    key="tune-seconds",
                    help="Measures other schedules on the device first and keeps what is faster; "
                    "0 takes the default ones.",
                    width=140,
                )
                # One intent is one deployment, however often the button is pressed.
                slot = f"deploy-request-{candidate_id}-{device}-{seconds}"
                request = st.session_state.setdefault(slot, uuid.uuid4().hex)
                if st.button(
                    "Deploy now",
                    type="primary",
                    icon=":material/rocket_launch:",
                    help="Build → put → self-test → switch.",
                ):
                    job_id = deployments.start_deployment(
                        candidate_id, str(device), request_id=request, tune_seconds=int(seconds)
                    )
                    del st.session_state[slot]
                    links.put_in_address("device", str(device))
                    links.put_in_address("job", job_id)
                    st.rerun()


def current(past: Sequence[DeploymentView]) -> None:
    """Draw the deployment of the address, live while it runs."""
    job_id = links.id_from_address("job")
    shown = next((d for d in past if job_id in (d.id, d.job_id)), None)
    if job_id and shown is None:
        error_panel(
            "This deployment does not exist.",
            f"No deployment has the id {job_id}.",
            "Look at the history below, or deploy again.",
        )
    if shown is not None:
        every = 1.0 if is_alive(shown.state) else None
        st.fragment(deployment_steps, run_every=every)(shown.id, shown.state)


def history(past: Sequence[DeploymentView], found: Sequence[DeviceView]) -> None:
    """Draw what was deployed where, and roll back."""
    st.subheader("History", anchor=False)
    if not past:
        st.caption("Nothing was deployed before.")
        return
    table = history_table(past)
    st.dataframe(table, hide_index=True, column_config=HISTORY_COLUMNS, alt="Deployments")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "History as CSV",
            csv_bytes(table),
            file_name="deployments.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        with st.popover("Roll back a device", icon=":material/undo:"):
            roll_back(found)
    rolling = links.id_from_address("rollback")
    if rolling:
        job_progress(rolling, "Roll back", on_done=rolled_back)


def roll_back(found: Sequence[DeviceView]) -> None:
    """Offer the way back to the release that stood before."""
    names = {device.name: device for device in found}
    device = st.selectbox(
        "Device to roll back",
        list(names),
        format_func=lambda n: device_title(names[n]),
        help="Its previous release becomes the current one again; nothing is uploaded.",
    )
    st.caption("The previous release is still on the device; only a link is switched.")
    if st.button("Roll back", type="primary", disabled=device is None):
        with errors_shown("The device was not rolled back."):
            links.put_in_address("rollback", deployments.rollback_device(str(device)))
            st.rerun()


def rolled_back(job: JobView) -> None:
    """Say which release is the current one now."""
    release = (job.result or {}).get("release")
    st.success(
        f"Rolled back: release {release} answers again." if release else "Rolled back.",
        icon=":material/undo:",
    )


show(render)
