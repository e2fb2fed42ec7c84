"""A job's live progress: looks once a second while it runs, then shows its end."""

from collections.abc import Callable

import streamlit as st

from app.components.error_panel import error_panel, errors_shown
from app.viewmodels.progress import RESUMABLE, is_alive, state_badge
from backend.services import jobs
from backend.services.views import JobView


def job_progress(
    job_id: str, title: str, on_done: Callable[[JobView], None], *, can_resume: bool = False
) -> None:
    """Draw one job; `on_done` draws its result once it has ended well.

    With `can_resume` a job that stopped before its end can be gone on with.
    """
    with errors_shown(f"{title}: its state cannot be read."):
        job = jobs.get_job(job_id)
        if is_alive(job.state):
            st.fragment(_ticking, run_every=1.0)(job_id, title)
        elif job.state == "done":
            on_done(job)
        elif job.state == "failed":
            error_panel(
                f"{title} failed.",
                job.error or "The job ended without saying why.",
                "Mend what is named above and try again. Nothing half-made was kept.",
                f"job {job.id}",
            )
        else:
            st.info(f"{title}: {state_badge(job.state)[0]}.")
        if (
            can_resume
            and job.state in RESUMABLE
            and st.button("Go on", icon=":material/play_arrow:", key=f"resume-{job_id}")
        ):
            jobs.resume_job(job_id)
            st.rerun()


def _ticking(job_id: str, title: str) -> None:
    with errors_shown(f"{title}: its state cannot be read."):
        job = jobs.get_job(job_id)
        if not is_alive(job.state):
            st.rerun()
        share = job.done / job.total if job.total else 0.0
        words = job.message or job.phase or state_badge(job.state)[0]
        st.progress(min(1.0, share), text=f"{title}: {words}")
        if st.button("Cancel", key=f"cancel-{job_id}", disabled=job.cancel_requested):
            jobs.cancel_job(job_id)
