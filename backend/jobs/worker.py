"""The worker: claims jobs, starts a runner for each, ends them on request, takes lost ones back.

It computes nothing and imports no torch. A runner dies with its worker (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from backend.jobs.clock import Clock, now_s
from backend.jobs.errors import FencedError
from backend.jobs.launch import DEFAULT_KINDS, start_runner
from backend.jobs.lease import Claim, LeaseTable, LostRun
from backend.jobs.presence import announce, leave
from backend.jobs.process import host_name, is_running, is_stopped, kill_group, started_at
from backend.jobs.queue import new_id
from backend.storage.database import Database
from backend.storage.errors import StorageError
from backend.storage.settings import Settings

# A runner that does not beat by itself within this time is left to its lease.
_START_S = 120.0
# A living runner on this machine may be silent this many times longer than one out of sight.
_PATIENCE = 6


@dataclass
class _Run:
    """A job that this worker runs now."""

    claim: Claim
    lane: str
    process: subprocess.Popen[bytes]
    pid_started_at: float | None
    # Until its runner beats by itself (imports take long on a busy machine) we beat for it.
    starts_until: float | None
    our_beat_at: float | None = None
    # Monotonic time at which the group gets KILL; None until it was asked to end.
    kill_at: float | None = None


class Worker:
    """Runs one search and a few short jobs at a time."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        log: FilteringBoundLogger,
        kinds: str = DEFAULT_KINDS,
        only_job: str | None = None,
        clock: Clock = now_s,
    ) -> None:
        """Prepare a worker.

        Args:
            settings: intervals and folders.
            database: where the jobs are.
            log: where the worker writes what it does.
            kinds: module:name of the registry that its runners use.
            only_job: serve this job alone and stay unseen by the page (the command line's own).
            clock: seconds since the epoch.
        """
        self.id = new_id()
        self._settings = settings
        self._database = database
        self._log = log
        self._kinds = kinds
        self._only_job = only_job
        self._clock = clock
        self._leases = LeaseTable(
            database, stale_s=settings.stale_s, max_crashes=settings.max_crashes, clock=clock
        )
        self._lanes = {"search": 1, "short": settings.short_jobs}
        self._runs: list[_Run] = []
        self._stop = threading.Event()
        self._started_at = clock()
        self._stepped_at = self._started_at
        self._beat_at = float("-inf")
        self._reclaim_from = float("-inf")

    def run(self) -> None:
        """Work until `stop` is called, then end all runs and give their jobs back."""
        self._log.info("worker_started", worker=self.id)
        try:
            while not self._stop.is_set():
                try:
                    self.step()
                except StorageError as problem:
                    # A full or locked disk passes; the runs go on and the leases decide.
                    self._log.warning("storage", reason=str(problem))
                self._stop.wait(self._settings.poll_s)
        finally:
            self.shut_down()

    def stop(self) -> None:
        """Make `run` end; safe in a signal handler."""
        self._stop.set()

    def step(self) -> None:
        """Do once what `run` does again and again."""
        now = self._clock()
        if now - self._stepped_at > self._settings.stale_s / 2:
            # This machine slept or its clock jumped: let living runners beat before judging them.
            self._reclaim_from = now + self._settings.stale_s
        self._stepped_at = now
        self._reap()
        self._watch_requests()
        if abs(now - self._beat_at) >= self._settings.heartbeat_s:
            self._beat_at = now
            if self._only_job is None:
                announce(self._database, self.id, len(self._runs), self._started_at, self._clock)
            self._beat_for_starting()
            if now >= self._reclaim_from:
                self._take_back_lost()
        self._claim()

    def shut_down(self) -> None:
        """End all runs: TERM, then KILL; their jobs are queued again without a crash counted."""
        for run in self._runs:
            self._ask_to_end(run)
        while self._runs:
            self._kill_overdue()
            for run in [run for run in self._runs if run.process.poll() is not None]:
                self._runs.remove(run)
                self._close(run, "worker shut down", crashed=False)
            if self._runs:
                time.sleep(0.02)
        if self._only_job is None:
            try:
                leave(self._database, self.id)
            except StorageError as problem:
                self._log.warning("storage", reason=str(problem))
        self._log.info("worker_ended", worker=self.id)

    def _claim(self) -> None:
        for lane, room in self._lanes.items():
            while sum(run.lane == lane for run in self._runs) < room:
                claim = self._leases.claim(self.id, lane, self._only_job)
                if claim is None:
                    break
                self._log.info("claimed", job=claim.job_id, kind=claim.kind, token=claim.token)
                process = start_runner(claim, self._settings, self._kinds)
                starts_until = time.monotonic() + _START_S
                run = _Run(claim, lane, process, started_at(process.pid), starts_until)
                self._runs.append(run)
                # Other workers see a living process, however long it takes to come to life.
                with contextlib.suppress(FencedError):
                    self._leases.register_runner(
                        claim.job_id,
                        claim.token,
                        host=host_name(),
                        pid=process.pid,
                        pid_started_at=run.pid_started_at,
                    )

    def _beat_for_starting(self) -> None:
        for run in self._runs:
            if run.starts_until is None:
                continue
            job, token = run.claim.job_id, run.claim.token
            beat_at = self._leases.heartbeat_at(job, token)
            has_begun = run.our_beat_at is not None and beat_at != run.our_beat_at
            if has_begun or beat_at is None or time.monotonic() > run.starts_until:
                run.starts_until = None
                continue
            with contextlib.suppress(FencedError):
                self._leases.report(job, token, {})
            run.our_beat_at = self._leases.heartbeat_at(job, token)

    def _reap(self) -> None:
        for run in [run for run in self._runs if run.process.poll() is not None]:
            self._runs.remove(run)
            self._close(run, f"its process ended with code {run.process.returncode}", crashed=True)

    def _close(self, run: _Run, reason: str, *, crashed: bool) -> None:
        """End what a runner left behind; queue its job again where it did not write an end."""
        kill_group(run.process.pid, run.pid_started_at)
        job, token = run.claim.job_id, run.claim.token
        try:
            state = self._leases.give_back(job, token, reason, crashed=crashed)
            self._log.warning("run_lost", job=job, reason=reason, state=state)
        except FencedError:
            self._log.info("run_ended", job=job)
        except StorageError as problem:
            self._log.warning("storage", job=job, reason=str(problem))  # its lease runs out

    def _watch_requests(self) -> None:
        for run in self._runs:
            try:
                wanted = self._leases.wanted(run.claim.job_id, run.claim.token)
            except FencedError:
                # It has just written its end, or its lease was lost while it did not respond.
                self._ask_to_end(run)
                continue
            if wanted is not None:
                self._ask_to_end(run)
        self._kill_overdue()

    def _ask_to_end(self, run: _Run) -> None:
        if run.kill_at is None:
            run.kill_at = time.monotonic() + self._settings.grace_s
            run.process.terminate()

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for run in self._runs:
            if run.kill_at is not None and now >= run.kill_at:
                kill_group(run.process.pid, run.pid_started_at)

    def _take_back_lost(self) -> None:
        """Queue jobs again whose runner is silent, or known to be dead on this machine."""
        mine = {run.claim.job_id for run in self._runs}
        for lost in self._leases.running_on(host_name()):
            if lost.job_id in mine or _is_alive(lost):
                continue
            try:
                reason = "its worker and its process are gone"
                self._leases.give_back(lost.job_id, lost.token, reason, crashed=True)
            except FencedError:
                continue
            self._log.warning("taken_back", job=lost.job_id, token=lost.token)
        for lost in self._leases.stale_runs():
            if lost.pid is not None and lost.host == host_name():
                if self._is_only_slow(lost):
                    continue
                # First end it: a process that was stopped inside a transaction holds SQLite's
                # write lock until it is gone, and nobody could take its lease away.
                kill_group(lost.pid, lost.pid_started_at)
            if self._leases.reclaim(lost):
                self._log.warning("taken_back", job=lost.job_id, token=lost.token)

    def _is_only_slow(self, lost: LostRun) -> bool:
        """A runner that we see alive gets more patience: the machine may be overloaded."""
        assert lost.pid is not None
        patience_s = _PATIENCE * self._settings.stale_s
        return _is_alive(lost) and not is_stopped(lost.pid) and lost.silent_s < patience_s


def _is_alive(lost: LostRun) -> bool:
    assert lost.pid is not None, "running_on returns registered runners"
    return is_running(lost.pid, lost.pid_started_at)
