"""What a kill, a pause of the machine or a cancel may not do to jobs; real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

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


@pytest.mark.parametrize("victim", ["worker", "runner"])
def test_killed_job_goes_on_and_each_step_is_done_once(site: Site, victim: str) -> None:
    worker = site.start_worker()
    job_id = submit_steps(site, count=8, delay=0.1)
    for kills in (1, 2):
        wait_until(lambda kills=kills: len(lines(site.folder / "acknowledged")) >= 2 * kills)
        runner = site.job(job_id).pid
        assert runner is not None
        os.kill(worker.pid if victim == "worker" else runner, signal.SIGKILL)
        if victim == "worker":
            worker.wait()
            wait_until(lambda runner=runner: not is_alive(runner))
            worker = site.start_worker()
        wait_until(lambda kills=kills: len(lines(site.folder / "runs")) > kills)
    job = site.wait_for(job_id, "done", "failed")
    assert (job.state, job.attempts, job.result) == ("done", 3, {"count": 8})
    expected = [f"{job_id}-{number}" for number in range(8)]
    assert stored_keys(site) == expected
    assert lines(site.folder / "acknowledged") == expected  # none lost, none doubled, in order


@pytest.mark.parametrize("place", ["same machine", "other machine"])
def test_stopped_runner_loses_its_lease_and_writes_nothing_more(site: Site, place: str) -> None:
    """SIGSTOP, lease lost, SIGCONT: the second run's results stand alone.

    A runner of the same machine is ended, even inside a transaction. One of another machine is out
    of reach; it wakes up later and must find itself fenced.
    """
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


def test_paused_job_resumes_at_its_last_step(site: Site) -> None:
    site.start_worker()
    job_id = submit_steps(site, count=6, delay=0.1)
    wait_until(lambda: len(lines(site.folder / "acknowledged")) >= 2)
    request_stop(site.database, job_id, Wanted.PAUSE)
    site.wait_for(job_id, "paused")
    resume(site.database, job_id)
    assert site.wait_for(job_id, "done", "failed").state == "done"
    assert lines(site.folder / "acknowledged") == [f"{job_id}-{number}" for number in range(6)]


def test_worker_that_is_shut_down_gives_its_jobs_back_uncounted(site: Site) -> None:
    worker = site.start_worker()
    job_id = submit_steps(site, count=4, delay=0.1)
    wait_until(lambda: len(lines(site.folder / "acknowledged")) >= 1)
    worker.terminate()
    assert worker.wait(20) == 0
    job = site.job(job_id)
    assert (job.state, job.crashes) == ("queued", 0)
    site.start_worker()
    assert site.wait_for(job_id, "done").result == {"count": 4}


def test_job_that_always_dies_fails_after_three_tries(site: Site) -> None:
    site.start_worker()
    job_id = submit(site.database, "die", {"folder": str(site.folder)})
    job = site.wait_for(job_id, "failed")
    assert lines(site.folder / "runs") == ["1", "2", "3"]
    assert job.error is not None
    assert "died 3 times" in job.error


def test_errors_of_jobs_are_sentences_and_details_are_in_the_log(
    site: Site, private_home: Path
) -> None:
    site.start_worker()
    refused = submit(site.database, "refuse", {"name": "x.onnx"})
    broken = submit(site.database, "break", {})
    unknown = submit(site.database, "no_such_kind", {})
    error = site.wait_for(refused, "failed").error
    assert error == "The file x.onnx is not a model: choose another."
    error = site.wait_for(broken, "failed").error or ""
    assert "\n" not in error
    assert f"{broken}.jsonl" in error
    assert "what nobody thought of" in (private_home / "logs" / f"{broken}.jsonl").read_text()
    assert "no job kind 'no_such_kind'" in (site.wait_for(unknown, "failed").error or "")


def test_two_workers_never_run_one_job(site: Site) -> None:
    for _ in range(2):
        site.start_worker()
    payload = {"folder": str(site.folder)}
    jobs = [submit(site.database, "quick", payload) for _ in range(5)]
    for job_id in jobs:
        assert site.wait_for(job_id, "done", "failed").result == {"torch": False}
    assert sorted(lines(site.folder / "runs")) == sorted(jobs)
    with site.database.read() as session:
        started = session.scalars(select(JobEvent.job_id).where(JobEvent.kind == "started")).all()
    assert sorted(started) == sorted(jobs)
