"""The way to a new device: address → fingerprint seen and confirmed → key → probe."""

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.components.job_progress import job_progress
from backend.services import devices
from backend.services.views import JobView

HOW_TO = (
    "A device needs only an SSH account: no compiler, no Python, no root. "
    "Put your public key into its `~/.ssh/authorized_keys` first."
)


def device_wizard() -> None:
    """Draw the wizard; its scan stands in the address, so a refresh goes on where it was."""
    st.caption(HOW_TO)
    with st.form("scan", border=False):
        host_column, port_column = st.columns([3, 1])
        with host_column:
            host = st.text_input(
                "Host",
                st.session_state.get("wizard-host", ""),
                max_chars=253,
                help="Name or address of the device, as you would give it to ssh.",
                placeholder="raspberrypi.local",
            )
        with port_column:
            port = st.number_input("Port", 1, 65535, 22, help="SSH port; 22 unless you changed it.")
        asked = st.form_submit_button("1 · Show the host's fingerprint", type="primary")
    if asked:
        with errors_shown("The host cannot be asked.", "Check the address and try again."):
            st.session_state["wizard-host"] = (host or "").strip()
            st.session_state["wizard-port"] = int(port)
            links.put_in_address("scan", devices.scan_host((host or "").strip(), int(port)))
    job_id = links.id_from_address("scan")
    if job_id:
        job_progress(job_id, "Asking the host for its key", on_done=confirm)


def confirm(job: JobView) -> None:
    """Show the fingerprint; registering needs a person's yes."""
    result = job.result or {}
    fingerprint = str(result.get("fingerprint", ""))
    host = str(result.get("host") or st.session_state.get("wizard-host", ""))
    port = int(result.get("port") or st.session_state.get("wizard-port", 22))
    st.markdown("**2 · Compare the fingerprint**")
    st.code(fingerprint, language=None)
    st.caption(
        "On the device, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` must print the same. "
        "If it differs, someone else answers at this address: do not go on."
    )
    seen = st.checkbox(
        "I compared it: this is my device",
        help="Punchcard will refuse the device should its key ever change.",
    )
    with st.form("register", border=False):
        st.markdown("**3 · Account and key**")
        name = st.text_input(
            "Name", max_chars=64, placeholder="pi-desk", help="How the device is called here."
        )
        user = st.text_input("User", max_chars=32, placeholder="pi", help="The account on it.")
        key_path = st.text_input(
            "Private key file",
            placeholder="~/.ssh/id_ed25519",
            help="A path on the studio's machine. The key stays there and is never copied.",
        )
        go = st.form_submit_button("Register and probe", type="primary", disabled=not seen)
    if go and seen:
        with errors_shown("The device was not registered."):
            devices.add_device(name, host, port, user, key_path, fingerprint)
            probe = devices.probe_device(name)
            st.query_params.clear()
            links.put_in_address("device", name)
            links.put_in_address("probe", probe)
            st.rerun()
