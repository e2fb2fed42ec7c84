"""What a job function may rely on: throttled reports, fenced writes, quick stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.jobs import context as context_module
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError, FencedError
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop, submit
from backend.jobs.states import Wanted
from backend.services.jobs import get_job, list_events
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Evaluation, Job

Open = Callable[[], JobContext]


@pytest.fixture
def open_context() -> Open:
    """Queue a job and claim it; called again, the same job is claimed anew after a lost lease."""
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=0.0, max_crashes=9)
    submit(database, "any", {"value": 1})

    def claim() -> JobContext:
        for lost in leases.stale_runs():
            leases.reclaim(lost)
        found = leases.claim("w", "short")
        assert found is not None
        log = open_log(settings.logs / f"{found.job_id}.jsonl", job=found.job_id)
        return JobContext(found, settings=settings, database=database, leases=leases, log=log)

    return claim


def test_progress_is_written_at_phase_ends_and_rarely_between(
    open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_context()
    monkeypatch.setattr(context_module, "REPORT_INTERVAL_S", 3600)
    context.progress("train", 0, 10)
    context.progress("train", 5, 10, "in between")
    assert get_job(context.job_id).done == 0
    context.beat()  # the heartbeat takes what waits along
    assert (get_job(context.job_id).done, get_job(context.job_id).message) == (5, "in between")
    context.progress("train", 10, 10)
    assert get_job(context.job_id).done == 10
    context.progress("measure", 0, 2)
    assert get_job(context.job_id).phase == "measure"


def test_run_that_lost_its_lease_writes_nothing(open_context: Open) -> None:
    late = open_context()
    current = open_context()
    assert current.token == late.token + 1
    for write in (late.milestone, late.check, late.beat, lambda: late.progress("x", 1, 1)):
        with pytest.raises(FencedError):
            write()
    with pytest.raises(FencedError), late.write() as session:
        session.add(Evaluation(key="late", result={}, created_at=0.0))
    with pytest.raises(FencedError):
        late.event("late")
    assert late.is_fenced
    assert late.should_stop()
    with current.write() as session:
        assert session.get(Evaluation, "late") is None
        session.add(Evaluation(key="current", result={}, created_at=0.0))
    assert not current.should_stop()


@pytest.mark.parametrize("wanted", Wanted)
def test_request_to_stop_is_seen_by_the_heartbeat(open_context: Open, wanted: Wanted) -> None:
    context = open_context()
    context.check()
    request_stop(context.database, context.job_id, wanted)
    assert not context.should_stop()
    context.beat()
    assert context.should_stop()
    with pytest.raises(CancelledError):
        context.check()


def test_milestone_forgives_earlier_crashes(open_context: Open) -> None:
    open_context()
    context = open_context()
    with context.database.read() as session:
        assert session.get_one(Job, context.job_id).crashes == 1
    context.milestone()
    with context.database.read() as session:
        assert session.get_one(Job, context.job_id).crashes == 0
    assert [event.kind for event in list_events(context.job_id)].count("interrupted") == 1


def test_event_stands_in_the_table_and_in_the_log(open_context: Open, private_home: Path) -> None:
    context = open_context()
    context.event("measured", "candidate 3", latency_ms=1.5)
    last = list_events(context.job_id)[-1]
    assert (last.kind, last.message) == ("measured", "candidate 3")
    lines = (private_home / "logs" / f"{context.job_id}.jsonl").read_text().splitlines()
    line = json.loads(lines[-1])
    assert (line["event"], line["latency_ms"], line["job"]) == ("measured", 1.5, context.job_id)
