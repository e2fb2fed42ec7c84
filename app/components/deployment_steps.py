"""One deployment's steps with their states and times, and its verdict."""

import streamlit as st

from app.components.error_panel import error_panel, errors_shown
from app.viewmodels.deployments import step_line, step_note, step_title, verdict
from app.viewmodels.progress import is_alive, state_badge
from backend.services import deployments


def deployment_steps(deployment_id: str, state_before: str) -> None:
    """Draw the steps of a deployment; its page calls this each second while it runs."""
    with errors_shown("The deployment cannot be read."):
        view = next(d for d in deployments.list_deployments() if d.id == deployment_id)
        if view.state != state_before:
            st.rerun()
        with st.container(border=True, gap="xsmall", key="deployment-steps"):
            if not view.steps and is_alive(view.state):
                st.info("The deployment waits for the worker.", icon=":material/schedule:")
            for step in view.steps:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(step_line(step), width=160)
                    st.text(step_title(step), width=240)
                    if step_note(step):
                        st.text(step_note(step))
            if view.state == "done" and view.verified:
                st.badge("verified", color="green", icon=":material/verified:")
                st.markdown(verdict(view))
            elif view.state == "failed":
                error_panel(
                    "The deployment failed.",
                    verdict(view),
                    "The previous release still answers. Mend what is named, then deploy again.",
                    f"deployment {view.id}",
                )
            elif not is_alive(view.state):
                st.info(f"{state_badge(view.state)[0]}: {verdict(view)}")
