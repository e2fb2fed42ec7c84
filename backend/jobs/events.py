"""The history of a job: numbered rows that are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.jobs.clock import Clock, now_s
from backend.storage.tables import JobEvent


def add_event(
    session: Session,
    job_id: str,
    token: int,
    kind: str,
    message: str,
    data: Mapping[str, Any] | None = None,
    *,
    clock: Clock = now_s,
) -> None:
    """Add one event inside the caller's write transaction, which makes the number unique."""
    last = session.scalar(select(func.max(JobEvent.number)).where(JobEvent.job_id == job_id))
    session.add(
        JobEvent(
            job_id=job_id,
            number=(last or 0) + 1,
            token=token,
            at=clock(),
            kind=kind,
            message=message,
            data=None if data is None else dict(data),
        )
    )
    session.flush()
