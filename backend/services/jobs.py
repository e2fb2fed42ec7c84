"""Jobs as the page and the command line see them."""

from __future__ import annotations

from sqlalchemy import select

from backend.jobs.inline import read_job
from backend.jobs.queue import request_stop, resume
from backend.jobs.states import Wanted
from backend.services.times import to_datetime
from backend.services.views import EventView, JobView
from backend.storage.open_database import open_database
from backend.storage.tables import Job, JobEvent


def get_job(job_id: str) -> JobView:
    """One job.

    Raises:
        JobError: there is none of that id.
    """
    return view_of(read_job(open_database(), job_id))


def list_jobs(limit: int = 50) -> tuple[JobView, ...]:
    """The newest jobs, newest first."""
    with open_database().read() as session:
        rows = session.scalars(select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit))
        return tuple(view_of(row) for row in rows)


def list_events(job_id: str, limit: int = 100) -> tuple[EventView, ...]:
    """The last events of a job, in order."""
    newest = (
        select(JobEvent)
        .where(JobEvent.job_id == job_id)
        .order_by(JobEvent.number.desc())
        .limit(limit)
    )
    with open_database().read() as session:
        rows = reversed(session.scalars(newest).all())
        return tuple(
            EventView(number=row.number, at=to_datetime(row.at), kind=row.kind, message=row.message)
            for row in rows
        )


def cancel_job(job_id: str) -> JobView:
    """Ask a job to end; its process group is gone within 5 s.

    Raises:
        JobError: there is none of that id.
    """
    request_stop(open_database(), job_id, Wanted.CANCEL)
    return get_job(job_id)


def resume_job(job_id: str) -> JobView:
    """Queue a job again that was paused, cancelled, interrupted or that failed.

    Raises:
        JobError: there is none of that id, or it is done.
    """
    resume(open_database(), job_id)
    return get_job(job_id)


def view_of(job: Job) -> JobView:
    """The view of a job's row."""
    return JobView(
        id=job.id,
        kind=job.kind,
        state=job.state,
        phase=job.phase,
        done=job.done,
        total=job.total,
        message=job.message,
        error=job.error,
        result=job.result,
        created_at=to_datetime(job.created_at),
        updated_at=to_datetime(job.updated_at),
        cancel_requested=job.wanted is not None,
        attempts=job.attempts,
    )
