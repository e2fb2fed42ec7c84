"""Devices: this computer and every SSH account that was registered."""

import pandas as pd
import streamlit as st

from app.components import links
from app.components.device_wizard import device_wizard
from app.components.error_panel import errors_shown
from app.components.frame import show
from app.components.job_progress import job_progress
from app.components.latency_tables_part import latency_tables_part
from app.components.states import empty_state, page_head
from app.viewmodels.deployments import device_address, device_title, fact_rows, probed
from backend.services import devices
from backend.services.views import DeviceView, JobView


def render() -> None:
    """Draw the page."""
    page_head(
        "Devices",
        "Where latency is measured and releases stand. This computer is a device like every other.",
    )
    with errors_shown("The devices cannot be read."):
        found = devices.list_devices()
        with st.expander(
            "Add a Raspberry Pi, phone or any SSH account",
            icon=":material/add:",
            expanded="scan" in st.query_params,
        ):
            device_wizard()
        probe = links.id_from_address("probe")
        if probe:
            job_progress(probe, "Probing the device", on_done=probed_well)
        if not found:
            empty_state(
                "No device yet",
                "This computer is registered when the worker starts for the first time.",
                "Back to Home",
                links.HOME,
            )
            return
        with st.grid(columns="auto", min_column_width=340, gap="medium"):
            for device in found:
                device_card(device)
        latency_tables_part(found)


def probed_well(job: JobView) -> None:
    """Say that a probe ended well; its facts stand on the card."""
    del job
    st.success("The device answered; its facts are below.", icon=":material/check_circle:")


def device_card(device: DeviceView) -> None:
    """Draw one device: address, facts, what stands on it, what may be done."""
    with st.container(border=True, key=f"device-{device.name}"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader(device_title(device), anchor=False)
            answered = device.facts is not None
            st.badge(
                probed(device),
                color="green" if answered else "gray",
                icon=":material/check_circle:" if answered else ":material/help:",
            )
        st.text(device_address(device))
        if device.fingerprint:
            st.caption("Pinned host key")
            st.code(device.fingerprint, language=None)
        rows = fact_rows(device)
        if rows:
            st.table(pd.DataFrame(rows, columns=["fact", "value"]).set_index("fact"))
        else:
            st.caption("Probe it to see processor, memory and free disk.")
        st.caption(
            f"Current release: {device.current_release}"
            if device.current_release
            else "Nothing is deployed here yet."
        )
        with st.container(horizontal=True):
            if st.button(
                "Probe",
                key=f"probe-{device.name}",
                icon=":material/troubleshoot:",
                help="Asks the device again for its facts.",
            ):
                with errors_shown("The device cannot be probed."):
                    links.put_in_address("probe", devices.probe_device(device.name))
                    st.rerun()
            if device.kind != "local" and st.button(
                "Remove",
                key=f"remove-{device.name}",
                icon=":material/delete:",
                help="Asks once more before it removes.",
            ):
                confirm_removal(device.name)


@st.dialog("Remove this device?")
def confirm_removal(name: str) -> None:
    """Ask before a device is removed."""
    st.text(f"{name} is forgotten here, with its pinned key. What stands on it keeps running.")
    if st.button("Remove it", type="primary", on_click=remove, args=(name,)):
        st.rerun()


def remove(name: str) -> None:
    """Forget a device."""
    with errors_shown("The device was not removed."):
        devices.remove_device(name)
        st.query_params.clear()


show(render)
