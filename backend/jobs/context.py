"""What a job function gets: its payload, and fenced ways to report, to stop and to write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from backend.jobs.clock import Clock, now_s
from backend.jobs.errors import CancelledError, FencedError
from backend.jobs.events import add_event
from backend.jobs.lease import Claim, LeaseTable
from backend.storage.database import Database
from backend.storage.settings import Settings

# Reports come as often as a job likes; the database sees at most this many.
REPORT_INTERVAL_S = 0.5


class JobContext:
    """One run of one job, inside its runner process.

    A job function may be run again after a crash at any point; it finds what it has finished in
    the database and goes on from there. It calls `should_stop` at least once a second where it can,
    returns early when that is true, and calls `check` right before it acknowledges a result.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        settings: Settings,
        database: Database,
        leases: LeaseTable,
        log: FilteringBoundLogger,
        clock: Clock = now_s,
    ) -> None:
        self.job_id = claim.job_id
        self.token = claim.token
        self.payload: Mapping[str, Any] = claim.payload
        self.settings = settings
        self.database = database
        self.log = log
        self._leases = leases
        self._clock = clock
        self._stop = threading.Event()
        self._fenced = threading.Event()
        self._reporting = threading.Lock()
        self._pending: dict[str, Any] = {}
        self._phase: str | None = None
        self._reported_at = float("-inf")

    def progress(self, phase: str, done: int, total: int, message: str = "") -> None:
        """Tell how far the job is; shown on the page, written at most twice a second.

        A new phase and the end of one (done equals total) are written at once.

        Raises:
            FencedError: the lease is lost.
        """
        with self._reporting:
            self._pending |= {"phase": phase, "done": done, "total": total, "message": message}
            is_due = time.monotonic() - self._reported_at >= REPORT_INTERVAL_S
            if is_due or done == total or phase != self._phase:
                self._flush()

    def milestone(self) -> None:
        """Say that lasting progress was made (a trial is stored): earlier crashes are forgiven.

        Raises:
            FencedError: the lease is lost.
        """
        with self._reporting:
            self._pending["crashes"] = 0
            self._flush()

    def event(self, kind: str, message: str = "", **data: Any) -> None:
        """Add a line to the job's history, in the database and in its log.

        Raises:
            FencedError: the lease is lost.
        """
        self.log.info(kind, message=message, **data)
        with self.write() as session:
            add_event(session, self.job_id, self.token, kind, message, data or None)

    def should_stop(self) -> bool:
        """True when the job should return soon: cancel, pause, shut-down or a lost lease."""
        return self._stop.is_set()

    def check(self) -> None:
        """Return only while the job is ours and nobody wants it to stop; asks the database.

        Raises:
            FencedError: another runner holds the job.
            CancelledError: the job should stop.
        """
        if self._fenced.is_set():
            raise FencedError(self.job_id)
        self.check_wanted()
        if self._stop.is_set():
            raise CancelledError(self.job_id)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A write transaction that stands only if the lease still does.

        Raises:
            FencedError: another runner holds the job; nothing is written.
        """
        with self.database.write() as session:
            self._leases.hold(session, self.job_id, self.token)
            yield session

    def stop(self) -> None:
        """Make `should_stop` true; called by the runner's signal handler and heartbeat."""
        self._stop.set()

    def fence(self) -> None:
        """Note that the lease is lost."""
        self._fenced.set()
        self._stop.set()

    @property
    def is_fenced(self) -> bool:
        """Whether the lease is known to be lost."""
        return self._fenced.is_set()

    def beat(self) -> None:
        """Renew the lease and write the progress that waits; called by the runner's heartbeat.

        Raises:
            FencedError: the lease is lost.
        """
        with self._reporting:
            self._flush()
        self.check_wanted()

    def check_wanted(self) -> None:
        """Look up whether somebody wants the job to stop.

        Raises:
            FencedError: the lease is lost.
        """
        try:
            wanted = self._leases.wanted(self.job_id, self.token)
        except FencedError:
            self.fence()
            raise
        if wanted is not None:
            self.stop()

    def _flush(self) -> None:
        try:
            self._leases.report(self.job_id, self.token, self._pending)
        except FencedError:
            self.fence()
            raise
        self._phase = self._pending.get("phase", self._phase)
        self._pending = {}
        self._reported_at = time.monotonic()
