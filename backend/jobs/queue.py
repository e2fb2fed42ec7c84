"""What the page and the command line ask of jobs: submit, cancel, pause, resume."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.jobs.clock import Clock, now_s
from backend.jobs.errors import JobError
from backend.jobs.events import add_event
from backend.jobs.states import RESUMABLE, WAITING, JobState, Wanted
from backend.storage.database import Database
from backend.storage.tables import Job


def new_id() -> str:
    """A random id of 12 hex digits."""
    return secrets.token_hex(6)


def add_job(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    lane: str = "short",
    subject: str | None = None,
    request_id: str | None = None,
    job_id: str | None = None,
    clock: Clock = now_s,
) -> Job:
    """Queue a job inside the caller's transaction, so that a row of its own can stand beside it.

    Args:
        session: a session of `Database.write`.
        kind: a name of JOB_KINDS.
        payload: JSON object that the job function gets.
        lane: "search" or "short"; a worker runs one search beside some short jobs.
        subject: jobs of one subject never run at the same time (such as "device:pi").
        request_id: the user's intent; a second job of the same intent is the first one.
        job_id: id to take instead of a random one.
        clock: seconds since the epoch.
    """
    if request_id is not None:
        known = session.scalar(select(Job).where(Job.request_id == request_id))
        if known is not None:
            return known
    now = clock()
    job = Job(
        id=job_id or new_id(),
        kind=kind,
        lane=lane,
        subject=subject,
        state=JobState.QUEUED,
        payload=dict(payload),
        request_id=request_id,
        created_at=now,
        updated_at=now,
    )
    session.add(job)
    session.flush()
    add_event(session, job.id, 0, "queued", "", clock=clock)
    return job


def submit(
    database: Database,
    kind: str,
    payload: Mapping[str, Any],
    *,
    lane: str = "short",
    subject: str | None = None,
    request_id: str | None = None,
) -> str:
    """Queue a job and return its id; see `add_job`."""
    with database.write() as session:
        job = add_job(session, kind, payload, lane=lane, subject=subject, request_id=request_id)
        return job.id


def request_stop(
    database: Database, job_id: str, wanted: Wanted, *, clock: Clock = now_s
) -> JobState:
    """Ask a job to end; one that does not run ends here and now.

    Returns:
        The state after the request; a running job stays running until its worker ended it.

    Raises:
        JobError: there is no such job.
    """
    with database.write() as session:
        job = _get(session, job_id)
        state = JobState(job.state)
        if state is JobState.RUNNING:
            # A cancel stays a cancel when a pause comes after it.
            if job.wanted != Wanted.CANCEL:
                job.wanted = wanted
                job.updated_at = clock()
                add_event(session, job_id, job.token, f"{wanted}_requested", "", clock=clock)
            return state
        after = JobState.CANCELLED if wanted is Wanted.CANCEL else JobState.PAUSED
        if state not in WAITING or after is state:
            return state
        if _move(session, job, after, clock):
            add_event(session, job_id, job.token, after, "", clock=clock)
        return after


def resume(
    database: Database, job_id: str, *, has_more: bool = False, clock: Clock = now_s
) -> JobState:
    """Queue a job again that was paused, cancelled, interrupted or that failed.

    With `has_more` one that is done too: it has got more to do since.

    Raises:
        JobError: there is no such job, or it is done.
    """
    with database.write() as session:
        job = _get(session, job_id)
        state = JobState(job.state)
        if state is JobState.RUNNING and job.wanted is not None:
            msg = f"Job {job_id} is still stopping: resume it when it has stopped."
            raise JobError(msg)
        if state in (JobState.QUEUED, JobState.RUNNING):
            return state
        if state not in RESUMABLE and not (has_more and state is JobState.DONE):
            msg = f"Job {job_id} is {state} and cannot be resumed."
            raise JobError(msg)
        if _move(session, job, JobState.QUEUED, clock):
            job.crashes = 0
            job.wanted = None
            job.error = None
            add_event(session, job_id, job.token, "resumed", "", clock=clock)
        return JobState.QUEUED


def _get(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        msg = f"There is no job {job_id}."
        raise JobError(msg)
    return job


def _move(session: Session, job: Job, after: JobState, clock: Clock) -> bool:
    """Compare (state, token), then set."""
    done = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state == job.state, Job.token == job.token)
        .values(state=after, updated_at=clock()),
        execution_options={"synchronize_session": "fetch"},
    )
    return done.rowcount == 1  # type: ignore[attr-defined, no-any-return]
