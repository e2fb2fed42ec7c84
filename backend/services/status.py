"""Whether the installation works: its worker and its database."""

from __future__ import annotations

from sqlalchemy import func, select

from backend.jobs.clock import now_s
from backend.jobs.presence import latest_presence
from backend.jobs.states import JobState
from backend.services.times import to_datetime
from backend.services.views import WorkerStatus
from backend.storage.errors import StorageError
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Job

# A worker on an overloaded machine beats late; the page's banner can wait that long.
_PATIENCE = 1.5


def worker_status() -> WorkerStatus:
    """The newest sign of life of a worker, and how many jobs run and wait.

    Raises:
        StorageError: the database cannot be read.
    """
    settings = load_settings()
    database = open_database(settings)
    presence = latest_presence(database)
    counted = (JobState.RUNNING, JobState.QUEUED)
    with database.read() as session:
        query = select(Job.state, func.count()).where(Job.state.in_(counted)).group_by(Job.state)
        counts = {state: count for state, count in session.execute(query)}
    return WorkerStatus(
        alive=presence.is_alive(_PATIENCE * settings.stale_s, now_s()),
        last_seen=to_datetime(presence.seen_at),
        running=counts.get(JobState.RUNNING, 0),
        waiting=counts.get(JobState.QUEUED, 0),
        pid=presence.pid,
    )


def database_problem() -> str | None:
    """Why the database cannot be used, in one sentence; None when all is well."""
    try:
        with open_database().read() as session:
            session.execute(select(Job.id).limit(1))
    except StorageError as error:
        return str(error)
    return None
