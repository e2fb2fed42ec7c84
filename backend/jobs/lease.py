"""Who may run a job: claims with a fencing token, heartbeats, and the return of lost jobs.

A claim adds one to the job's token. Every later write names (running, token) and changes nothing
where they no longer stand in the row, so a runner that slept through the loss of its lease cannot
write (M. Kleppmann, "How to do distributed locking", 2016: fencing tokens).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Update, exists, select, update
from sqlalchemy.orm import Session, aliased

from backend.jobs.clock import Clock, now_s
from backend.jobs.errors import FencedError
from backend.jobs.events import add_event
from backend.jobs.states import JobState, Wanted
from backend.storage.database import Database
from backend.storage.tables import Job


@dataclass(frozen=True)
class Claim:
    """The right to run a job until the lease is lost."""

    job_id: str
    token: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class LostRun:
    """A run whose lease was taken away; what is left of its process group must be ended."""

    job_id: str
    token: int
    host: str | None
    pid: int | None
    pid_started_at: float | None
    silent_s: float


class LeaseTable:
    """The moves of the job table that workers and runners make; the clock is injected."""

    def __init__(
        self, database: Database, *, stale_s: float, max_crashes: int, clock: Clock = now_s
    ) -> None:
        self._database = database
        self._stale_s = stale_s
        self._max_crashes = max_crashes
        self._clock = clock

    def claim(self, worker_id: str, lane: str, only_job: str | None = None) -> Claim | None:
        """Take the oldest waiting job of a lane whose subject is free, or None."""
        waiting = _next_queued(lane, only_job)
        with self._database.read() as session:
            if session.scalar(waiting) is None:
                return None  # idle workers do not take the write lock
        with self._database.write() as session:
            job = session.scalar(waiting)
            if job is None:
                return None
            now = self._clock()
            job.state = JobState.RUNNING
            job.token += 1
            job.attempts += 1
            job.worker_id = worker_id
            job.wanted = None
            job.error = None
            job.host = job.pid = job.pid_started_at = None
            job.heartbeat_at = job.updated_at = now
            job.started_at = job.started_at or now
            add_event(session, job.id, job.token, "started", "", clock=self._clock)
            return Claim(job.id, job.token, job.kind, dict(job.payload))

    def register_runner(
        self, job_id: str, token: int, *, host: str, pid: int, pid_started_at: float | None
    ) -> None:
        """Note the process group of a runner that was just started.

        Raises:
            FencedError: the lease is lost.
        """
        with self._database.write() as session:
            changes = {"host": host, "pid": pid, "pid_started_at": pid_started_at}
            _fenced(session, _held(job_id, token).values(**changes))

    def wanted(self, job_id: str, token: int) -> Wanted | None:
        """What somebody asked of a held job, without writing.

        Raises:
            FencedError: the lease is lost.
        """
        with self._database.read() as session:
            row = session.execute(
                select(Job.wanted).where(
                    Job.id == job_id, Job.token == token, Job.state == JobState.RUNNING
                )
            ).one_or_none()
            if row is None:
                raise FencedError(job_id)
            return None if row.wanted is None else Wanted(row.wanted)

    def heartbeat_at(self, job_id: str, token: int) -> float | None:
        """Time of the last sign of life of a run; None when its lease is lost."""
        with self._database.read() as session:
            return session.scalar(
                select(Job.heartbeat_at).where(
                    Job.id == job_id, Job.token == token, Job.state == JobState.RUNNING
                )
            )

    def hold(self, session: Session, job_id: str, token: int) -> None:
        """Refuse the caller's transaction unless the lease still stands.

        Raises:
            FencedError: the lease is lost.
        """
        held = select(Job.id).where(
            Job.id == job_id, Job.token == token, Job.state == JobState.RUNNING
        )
        if session.scalar(held.with_for_update()) is None:
            raise FencedError(job_id)

    def report(self, job_id: str, token: int, changes: Mapping[str, Any]) -> None:
        """Renew the lease (the heartbeat) and write progress, if there is any.

        Raises:
            FencedError: the lease is lost.
        """
        now = self._clock()
        values: dict[str, Any] = {**changes, "heartbeat_at": now}
        if changes:
            values["updated_at"] = now
        with self._database.write() as session:
            _fenced(session, _held(job_id, token).values(**values))

    def finish(
        self,
        job_id: str,
        token: int,
        state: JobState,
        *,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """End a run.

        Raises:
            FencedError: the lease is lost; nothing is written.
        """
        with self._database.write() as session:
            values = {
                "state": state,
                "result": None if result is None else dict(result),
                "error": error,
                "wanted": None,
                "worker_id": None,
                "updated_at": self._clock(),
            }
            _fenced(session, _held(job_id, token).values(**values))
            add_event(session, job_id, token, state, error or "", clock=self._clock)

    def give_back(self, job_id: str, token: int, reason: str, *, crashed: bool) -> JobState:
        """Queue a running job again; one that only crashes ends as failed.

        Args:
            job_id: the job.
            token: token of the run that ended.
            reason: what happened, for the job's history.
            crashed: the run died; False when its worker was shut down.

        Returns:
            queued, failed, or cancelled or paused where that was asked for.

        Raises:
            FencedError: the lease is lost.
        """
        with self._database.write() as session:
            self.hold(session, job_id, token)
            job = session.get_one(Job, job_id)
            return self._interrupt(session, job, reason, crashed=crashed)

    def stale_runs(self) -> list[LostRun]:
        """Runs without a heartbeat for `stale_s`; only read."""
        with self._database.read() as session:
            return [self._lost_run(job) for job in session.scalars(self._stale())]

    def reclaim(self, lost: LostRun) -> bool:
        """Take the lease of a stale run away and queue its job again.

        Returns:
            False where the run has given a sign of life, or another worker was first.
        """
        with self._database.write() as session:
            still = self._stale().where(Job.id == lost.job_id, Job.token == lost.token)
            job = session.scalar(still)
            if job is None:
                return False
            reason = f"no heartbeat for {self._clock() - (job.heartbeat_at or 0.0):.0f} s"
            self._interrupt(session, job, reason, crashed=True)
            return True

    def _stale(self) -> Select[Job]:
        limit = self._clock() - self._stale_s
        return select(Job).where(Job.state == JobState.RUNNING, Job.heartbeat_at < limit)

    def running_on(self, host: str) -> list[LostRun]:
        """Runs of one machine whose runner has registered, alive or not."""
        running = select(Job).where(
            Job.state == JobState.RUNNING, Job.host == host, Job.pid.is_not(None)
        )
        with self._database.read() as session:
            return [self._lost_run(job) for job in session.scalars(running)]

    def _lost_run(self, job: Job) -> LostRun:
        silent_s = self._clock() - (job.heartbeat_at or 0.0)
        return LostRun(job.id, job.token, job.host, job.pid, job.pid_started_at, silent_s)

    def _interrupt(self, session: Session, job: Job, reason: str, *, crashed: bool) -> JobState:
        add_event(session, job.id, job.token, "interrupted", reason, clock=self._clock)
        job.crashes += int(crashed)
        job.error = None
        if job.wanted is not None:
            after = JobState.CANCELLED if job.wanted == Wanted.CANCEL else JobState.PAUSED
        elif job.crashes >= self._max_crashes:
            after = JobState.FAILED
            job.error = (
                f"The job died {job.crashes} times without getting further "
                f"(last: {reason}): read its log, then resume it."
            )
        else:
            after = JobState.QUEUED
        job.state = after
        job.wanted = None
        job.worker_id = None
        job.updated_at = self._clock()
        add_event(session, job.id, job.token, after, job.error or "", clock=self._clock)
        return after


def _next_queued(lane: str, only_job: str | None) -> Select[Job]:
    busy = aliased(Job)
    wished = [] if only_job is None else [Job.id == only_job]
    subject_is_busy = exists().where(
        busy.state == JobState.RUNNING, busy.subject == Job.subject, busy.id != Job.id
    )
    return (
        select(Job)
        .where(Job.state == JobState.QUEUED, Job.lane == lane, ~subject_is_busy, *wished)
        .order_by(Job.created_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _held(job_id: str, token: int) -> Update:
    return (
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING, Job.token == token)
        .execution_options(synchronize_session=False)
    )


def _fenced(session: Session, change: Update) -> None:
    if session.execute(change).rowcount != 1:  # type: ignore[attr-defined]
        raise FencedError
