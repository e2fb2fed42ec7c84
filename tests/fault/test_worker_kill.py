"""What a kill, a pause of the machine or a cancel may not do to jobs; real processes."""

from __future__ import annotations

import os
import signal

import pytest
from sqlalchemy import select

from backend.jobs.queue import request_stop, resume, submit
from backend.jobs.states import Wanted
from backend.storage.tables import Evaluation, Job, JobEvent
from tests.fault.worker_site import Site, is_alive, lines, stop_outside_transactions, wait_until


def stored_keys(site: Site) -> list[str]:
    with site.database.read() as session:
        return sorted(session.scalars(select(Evaluation.key)))


def submit_steps(site: Site, count: int, delay: float) -> str:
    payload = {"folder": str(site.folder), "count": count, "delay": delay}
    return submit(site.database, "steps", payload, lane="search")


@pytest.mark.parametrize("victim", ["worker", pytest.param("runner", marks=pytest.mark.slow)])
def test_killed_job_goes_on_and_each_step_is_done_once(site: Site, victim: str) -> None:
    worker = site.start_worker()
    job_id = submit_steps(site, count=6, delay=0.1)
    wait_until(lambda: len(lines(site.folder / "acknowledged")) >= 2)
    runner = site.job(job_id).pid
    assert runner is not None
    os.kill(worker.pid if victim == "worker" else runner, signal.SIGKILL)
    if victim == "worker":
        worker.wait()
        wait_until(lambda: not is_alive(runner))
        site.start_worker()
    job = site.wait_for(job_id, "done", "failed")
    assert (job.state, job.attempts, job.result) == ("done", 2, {"count": 6})
    expected = [f"{job_id}-{number}" for number in range(6)]
    assert stored_keys(site) == expected
    assert lines(site.folder / "acknowledged") == expected  # none lost, none doubled, in order


@pytest.mark.parametrize(
    "place", [pytest.param("same machine", marks=pytest.mark.slow), "other machine"]
)
def test_stopped_runner_loses_its_lease_and_writes_nothing_more(
    site: Site, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP, lease lost, SIGCONT: the second run's results stand alone.

    A runner of the same machine is ended, even inside a transaction. One of another machine is out
    of reach; it wakes up later and must find itself fenced.
    """
    monkeypatch.setenv("PUNCHCARD_STALE_S", "3")
    assert site.database.path is not None
    first = site.start_worker()
    job_id = submit_steps(site, count=4, delay=0.1)
    wait_until(lambda: len(lines(site.folder / "acknowledged")) >= 1)
    runner = site.job(job_id).pid
    assert runner is not None
    # The worker is stopped too: it can neither judge its runner nor beat for it.
    stop_outside_transactions(first.pid, site.database.path)
    if place == "same machine":
        os.kill(runner, signal.SIGSTOP)
    else:
        stop_outside_transactions(runner, site.database.path)
        with site.database.write() as session:
            session.get_one(Job, job_id).host = "elsewhere"
    site.start_worker()
    job = site.wait_for(job_id, "done", "failed")
    assert (job.state, job.token) == ("done", 2)
    if place == "other machine":
        assert is_alive(runner)
        os.kill(runner, signal.SIGCONT)
    wait_until(lambda: not is_alive(runner))
    os.kill(first.pid, signal.SIGCONT)
    assert lines(site.folder / "acknowledged") == [f"{job_id}-{number}" for number in range(4)]
    assert (site.job(job_id).state, site.job(job_id).token) == ("done", 2)


def test_stop_ends_the_whole_process_group(site: Site) -> None:
    """A child that ignores TERM is gone as well, and a deaf runner cannot hold the job."""
    site.start_worker()
    payload = {"folder": str(site.folder)}
    parent, stubborn = (submit(site.database, kind, payload) for kind in ("parent", "stubborn"))
    wait_until(lambda: len(lines(site.folder / "children")) == 2)
    pids = [int(line) for line in lines(site.folder / "children")]
    request_stop(site.database, parent, Wanted.CANCEL)
    request_stop(site.database, stubborn, Wanted.PAUSE)
    site.wait_for(parent, "cancelled")
    site.wait_for(stubborn, "paused")
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_job_outlives_a_pause_and_the_end_of_its_worker(site: Site) -> None:
    """Neither is a crash, and both go on at the last step."""
    worker = site.start_worker()
    job_id = submit_steps(site, count=6, delay=0.1)
    acknowledged = site.folder / "acknowledged"
    wait_until(lambda: len(lines(acknowledged)) >= 1)
    request_stop(site.database, job_id, Wanted.PAUSE)
    site.wait_for(job_id, "paused")
    stood_at = len(lines(acknowledged))
    resume(site.database, job_id)
    wait_until(lambda: len(lines(acknowledged)) > stood_at)
    worker.terminate()
    assert worker.wait(60) == 0
    job = site.job(job_id)
    assert (job.state, job.crashes) == ("queued", 0)
    site.start_worker()
    assert site.wait_for(job_id, "done", "failed").state == "done"
    assert lines(acknowledged) == [f"{job_id}-{number}" for number in range(6)]


def test_two_workers_share_jobs_and_one_that_always_dies_fails(site: Site) -> None:
    for _ in range(2):
        site.start_worker()
    payload = {"folder": str(site.folder)}
    jobs = [submit(site.database, "quick", payload) for _ in range(3)]
    deadly = submit(site.database, "die", {"folder": str(site.folder)})
    for job_id in jobs:
        assert site.wait_for(job_id, "done", "failed").result == {"torch": False}
    error = site.wait_for(deadly, "failed").error
    assert error is not None
    assert "died 3 times" in error
    assert sorted(lines(site.folder / "runs")) == sorted([*jobs, *[f"{deadly} died"] * 3])
    with site.database.read() as session:
        started = session.scalars(select(JobEvent.job_id).where(JobEvent.kind == "started")).all()
    assert sorted(started) == sorted([*jobs, *[deadly] * 3])
