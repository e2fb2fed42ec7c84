"""Follows a job from the command line, with a worker of its own where none is there."""

from __future__ import annotations

import time
from collections.abc import Callable

from backend.jobs.clock import now_s
from backend.jobs.errors import JobError
from backend.jobs.launch import DEFAULT_KINDS
from backend.jobs.log import open_log
from backend.jobs.presence import latest_presence
from backend.jobs.queue import request_stop
from backend.jobs.states import JobState, Wanted
from backend.jobs.worker import Worker
from backend.storage.database import Database
from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings
from backend.storage.tables import Job

_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def run_until_ended(
    job_id: str,
    *,
    on_change: Callable[[Job], None] | None = None,
    settings: Settings | None = None,
    kinds: str = DEFAULT_KINDS,
) -> Job:
    """Wait until a job neither waits nor runs, and return its row.

    Where no worker is alive, this process runs the job in a private one. An interrupt from the
    keyboard pauses the job, which can be resumed.

    Args:
        job_id: a queued or running job.
        on_change: called with the row each time it has changed.
        settings: the installation.
        kinds: registry that a private worker uses.

    Raises:
        JobError: there is no such job.
    """
    settings = settings or load_settings()
    database = open_database(settings)
    private: Worker | None = None
    seen: float | None = None
    try:
        while True:
            job = read_job(database, job_id)
            if job.updated_at != seen and on_change is not None:
                on_change(job)
            seen = job.updated_at
            if job.state not in _ACTIVE:
                return job
            if private is None and not latest_presence(database).is_alive(
                settings.stale_s, now_s()
            ):
                log = open_log(settings.logs / "worker.jsonl", only_job=job_id)
                private = Worker(settings, database, log=log, kinds=kinds, only_job=job_id)
            if private is not None:
                private.step()
            time.sleep(settings.poll_s)
    except KeyboardInterrupt:
        request_stop(database, job_id, Wanted.PAUSE)
        if private is not None:
            private.shut_down()
            private = None
        return read_job(database, job_id)
    finally:
        if private is not None:
            private.shut_down()


def read_job(database: Database, job_id: str) -> Job:
    """The row of a job.

    Raises:
        JobError: there is none.
    """
    with database.read() as session:
        job = session.get(Job, job_id)
    if job is None:
        msg = f"There is no job {job_id}."
        raise JobError(msg)
    return job
