"""Random histories of the job table under an injected clock: a lease is held once or by nobody."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import select

from backend.jobs.errors import FencedError, JobError
from backend.jobs.lease import Claim, LeaseTable
from backend.jobs.queue import add_job, request_stop, resume
from backend.jobs.states import RESUMABLE, JobState, Wanted
from backend.storage.database import Database
from backend.storage.tables import Base, Job, JobEvent

STALE_S = 10.0
MAX_CRASHES = 3


@dataclass
class Expected:
    """What the model says of one job."""

    state: str
    token: int = 0
    crashes: int = 0
    beat_at: float = 0.0
    wanted: str | None = None
    subject: str | None = None


class JobMachine(RuleBasedStateMachine):
    """Every move of the table beside a model in plain Python."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    @initialize()
    def start(self) -> None:
        self.now = 1000.0
        self.database = Database("sqlite://")
        Base.metadata.create_all(self.database.engine)
        self.leases = LeaseTable(
            self.database, stale_s=STALE_S, max_crashes=MAX_CRASHES, clock=self.clock
        )
        self.expected: dict[str, Expected] = {}
        self.count = 0

    def clock(self) -> float:
        return self.now

    def teardown(self) -> None:
        self.database.close()

    def holds(self, claim: Claim) -> bool:
        job = self.expected[claim.job_id]
        return (job.state, job.token) == ("running", claim.token)

    @rule(target=jobs, subject=st.sampled_from([None, "device:pi"]))
    def submit(self, subject: str | None) -> str:
        self.count += 1
        self.now += 0.001  # so that the order of the queue is known
        with self.database.write() as session:
            job = add_job(
                session, "k", {}, subject=subject, job_id=f"j{self.count:03}", clock=self.clock
            )
        self.expected[job.id] = Expected("queued", subject=subject)
        return job.id

    @rule(target=claims, worker=st.sampled_from(["a", "b"]))
    def claim(self, worker: str) -> object:
        found = self.leases.claim(worker, "short")
        busy = {e.subject for e in self.expected.values() if e.state == "running"} - {None}
        free = [
            i for i, e in self.expected.items() if e.state == "queued" and e.subject not in busy
        ]
        if found is None:
            assert not free
            return multiple()
        assert found.job_id == min(free)
        job = self.expected[found.job_id]
        assert found.token == job.token + 1
        job.state, job.token, job.beat_at, job.wanted = "running", found.token, self.now, None
        return found

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(claim=claims, is_milestone=st.booleans())
    def report(self, claim: Claim, is_milestone: bool) -> None:
        changes = {"crashes": 0} if is_milestone else {"done": claim.token}
        if not self.holds(claim):
            with pytest.raises(FencedError):
                self.leases.report(claim.job_id, claim.token, changes)
            return
        self.leases.report(claim.job_id, claim.token, changes)
        job = self.expected[claim.job_id]
        job.beat_at = self.now
        job.crashes = 0 if is_milestone else job.crashes

    @rule(claim=claims)
    def write_under_the_lease(self, claim: Claim) -> None:
        if self.holds(claim):
            assert self.leases.wanted(claim.job_id, claim.token) == (
                self.expected[claim.job_id].wanted
            )
            with self.database.write() as session:
                self.leases.hold(session, claim.job_id, claim.token)
            return
        with pytest.raises(FencedError):
            self.leases.wanted(claim.job_id, claim.token)
        with pytest.raises(FencedError), self.database.write() as session:
            self.leases.hold(session, claim.job_id, claim.token)

    @rule(claim=consumes(claims), state=st.sampled_from(["done", "failed", "cancelled", "paused"]))
    def finish(self, claim: Claim, state: str) -> None:
        if not self.holds(claim):
            with pytest.raises(FencedError):
                self.leases.finish(claim.job_id, claim.token, JobState(state))
            return
        self.leases.finish(claim.job_id, claim.token, JobState(state))
        job = self.expected[claim.job_id]
        job.state, job.wanted = state, None

    @rule(claim=claims, crashed=st.booleans())
    def give_back(self, claim: Claim, crashed: bool) -> None:
        if not self.holds(claim):
            with pytest.raises(FencedError):
                self.leases.give_back(claim.job_id, claim.token, "died", crashed=crashed)
            return
        self.leases.give_back(claim.job_id, claim.token, "died", crashed=crashed)
        self.interrupt(self.expected[claim.job_id], crashed)

    @rule()
    def reclaim(self) -> None:
        stale = {
            job_id
            for job_id, job in self.expected.items()
            if job.state == "running" and job.beat_at < self.now - STALE_S
        }
        found = self.leases.stale_runs()
        assert {lost.job_id for lost in found} == stale
        for lost in found:
            assert self.leases.reclaim(lost)
            assert not self.leases.reclaim(lost)
            self.interrupt(self.expected[lost.job_id], True)

    def interrupt(self, job: Expected, crashed: bool) -> None:
        job.crashes += crashed
        if job.wanted is not None:
            job.state = "cancelled" if job.wanted == "cancel" else "paused"
        else:
            job.state = "failed" if job.crashes >= MAX_CRASHES else "queued"
        job.wanted = None

    @rule(job_id=jobs, wanted=st.sampled_from(Wanted))
    def ask_to_stop(self, job_id: str, wanted: Wanted) -> None:
        request_stop(self.database, job_id, wanted, clock=self.clock)
        job = self.expected[job_id]
        if job.state == "running":
            job.wanted = "cancel" if job.wanted == "cancel" else wanted.value
        elif job.state in {"queued", "paused", "interrupted"}:
            job.state = "cancelled" if wanted is Wanted.CANCEL else "paused"

    @rule(job_id=jobs)
    def resume(self, job_id: str) -> None:
        job = self.expected[job_id]
        is_stopping = job.state == "running" and job.wanted is not None
        if job.state == "done" or is_stopping:
            with pytest.raises(JobError):
                resume(self.database, job_id, clock=self.clock)
            return
        resume(self.database, job_id, clock=self.clock)
        if job.state in RESUMABLE:
            job.state, job.crashes = "queued", 0

    @invariant()
    def table_is_as_expected(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as session:
            for job in session.scalars(select(Job)):
                expected = self.expected[job.id]
                found = (job.state, job.token, job.crashes, job.wanted)
                assert found == (
                    expected.state, expected.token, expected.crashes, expected.wanted
                )  # fmt: skip
            numbers: dict[str, list[int]] = {}
            for event in session.scalars(select(JobEvent).order_by(JobEvent.id)):
                numbers.setdefault(event.job_id, []).append(event.number)
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
