"""The workers that are there: each renews a row, so that the page can tell when none is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from backend.jobs.clock import Clock, now_s
from backend.jobs.process import host_name
from backend.storage.database import Database
from backend.storage.tables import Worker

_FORGET_S = 86_400


@dataclass(frozen=True)
class Presence:
    """The newest sign of life of any worker, seconds since the epoch."""

    seen_at: float | None
    pid: int | None

    def is_alive(self, stale_s: float, now: float) -> bool:
        """Whether that sign is young enough."""
        return self.seen_at is not None and now - self.seen_at < stale_s


def announce(
    database: Database, worker_id: str, running: int, started_at: float, clock: Clock = now_s
) -> None:
    """Create or renew a worker's row and forget those that were silent for a day."""
    now = clock()
    with database.write() as session:
        row = session.get(Worker, worker_id)
        if row is None:
            session.execute(delete(Worker).where(Worker.heartbeat_at < now - _FORGET_S))
            row = Worker(id=worker_id, host=host_name(), pid=os.getpid(), started_at=started_at)
            session.add(row)
        row.heartbeat_at = now
        row.running = running


def leave(database: Database, worker_id: str) -> None:
    """Delete the row of a worker that ends in order."""
    with database.write() as session:
        session.execute(delete(Worker).where(Worker.id == worker_id))


def latest_presence(database: Database) -> Presence:
    """The newest sign of life of any worker."""
    with database.read() as session:
        newest = select(func.max(Worker.heartbeat_at)).scalar_subquery()
        row = session.scalar(select(Worker).where(Worker.heartbeat_at == newest).limit(1))
        return Presence(None, None) if row is None else Presence(row.heartbeat_at, row.pid)
