"""A command runs its job in a private worker; the keyboard pauses it and nothing is lost."""

from __future__ import annotations

import pytest

from backend.jobs.errors import JobError
from backend.jobs.inline import run_until_ended
from backend.jobs.queue import resume, submit
from backend.services.status import worker_status
from backend.storage.tables import Job
from tests.fault.worker_site import KINDS, Site, lines


def test_job_runs_without_a_worker_and_an_interrupt_pauses_it(site: Site) -> None:
    payload = {"folder": str(site.folder), "count": 4, "delay": 0.05}
    job_id = submit(site.database, "steps", payload, lane="search")

    def interrupt(job: Job) -> None:
        if job.done:
            raise KeyboardInterrupt

    assert run_until_ended(job_id, on_change=interrupt, kinds=KINDS).state == "paused"
    seen: list[int] = []
    resume(site.database, job_id)
    ended = run_until_ended(job_id, on_change=lambda job: seen.append(job.done), kinds=KINDS)
    assert (ended.state, ended.result) == ("done", {"count": 4})
    assert seen == sorted(seen)
    assert lines(site.folder / "acknowledged") == [f"{job_id}-{number}" for number in range(4)]
    assert not worker_status().alive  # the page is not told of a worker that serves one job


def test_unknown_job_is_told(site: Site) -> None:
    with pytest.raises(JobError, match="There is no job nothing"):
        run_until_ended("nothing")
