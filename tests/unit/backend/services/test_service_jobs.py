"""Jobs as services show them, and what the page may ask of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.jobs.errors import JobError
from backend.jobs.lease import LeaseTable
from backend.jobs.presence import announce, leave
from backend.jobs.queue import submit
from backend.services import jobs
from backend.services.status import database_problem, worker_status
from backend.storage.open_database import open_database


def test_job_is_followed_from_queue_to_end() -> None:
    database = open_database()
    job_id = submit(database, "probe", {"device": "local"})
    view = jobs.get_job(job_id)
    assert (view.kind, view.state, view.attempts, view.result) == ("probe", "queued", 0, None)
    assert abs((datetime.now(UTC) - view.created_at).total_seconds()) < 60
    leases = LeaseTable(database, stale_s=10, max_crashes=3)
    claim = leases.claim("w", "short")
    assert claim is not None
    leases.report(job_id, claim.token, {"phase": "asking", "done": 1, "total": 2})
    assert jobs.cancel_job(job_id).cancel_requested
    assert jobs.get_job(job_id).phase == "asking"
    leases.give_back(job_id, claim.token, "ended", crashed=False)
    assert jobs.get_job(job_id).state == "cancelled"
    assert jobs.resume_job(job_id).state == "queued"
    assert [event.kind for event in jobs.list_events(job_id)] == [
        "queued", "started", "cancel_requested", "interrupted", "cancelled", "resumed",
    ]  # fmt: skip


def test_same_request_is_one_job() -> None:
    database = open_database()
    first = submit(database, "probe", {}, request_id="intent")
    assert submit(database, "probe", {}, request_id="intent") == first
    assert submit(database, "probe", {}) != first
    assert len(jobs.list_jobs()) == 2


def test_job_that_waits_is_cancelled_at_once_and_an_unknown_one_is_told() -> None:
    job_id = submit(open_database(), "probe", {})
    assert jobs.cancel_job(job_id).state == "cancelled"
    assert jobs.cancel_job(job_id).state == "cancelled"
    with pytest.raises(JobError, match="There is no job nothing"):
        jobs.get_job("nothing")


def test_worker_is_alive_while_it_beats() -> None:
    assert not worker_status().alive
    database = open_database()
    announce(database, "w", 1, 0.0)
    status = worker_status()
    assert (status.alive, status.running, status.waiting) == (True, 0, 0)
    announce(database, "w", 1, 0.0, clock=lambda: datetime.now(UTC).timestamp() - 60)
    assert not worker_status().alive
    assert worker_status().last_seen is not None
    leave(database, "w")
    assert worker_status().last_seen is None


def test_broken_database_is_a_sentence_for_the_page(private_home: Path) -> None:
    assert database_problem() is None
    open_database().close()
    for path in private_home.glob("punchcard.db*"):
        path.unlink()
    (private_home / "punchcard.db").write_bytes(b"nonsense" * 1000)
    problem = database_problem()
    assert problem is not None
    assert "is not a readable Punchcard database" in problem
