"""A finalisation whose runner is killed twice ends as one that was left alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from backend.services.candidates import candidate_folder
from backend.services.finalizations import FinalizationView, get_finalization, start_finalization
from codegen.ir.storage import load_graph
from tests.fault.worker_site import Site, wait_until
from tests.fixtures.finished_search import finish_search, share_toolchain

SETTINGS = {
    "contestants": ["magnitude", "least_squares"],
    "bake_epochs": 2,
    "bake_images": 200,
    "epochs": 12,
    "batch": 16,
    "repair_images": 64,
    "validation_images": 100,
}


def digest(identity: str) -> str:
    return load_graph(candidate_folder(f"{identity}-final") / "graph.safetensors").digest


@pytest.mark.slow
def test_killed_finalisation_goes_on_and_ends_the_same(site: Site) -> None:
    share_toolchain()
    trial = finish_search(site.folder)
    whole = start_finalization(trial, SETTINGS)
    site.start_worker(kinds="backend.jobs.kinds:JOB_KINDS")
    site.wait_for(get_finalization(whole).job_id, "done", "failed")
    assert get_finalization(whole).error is None
    identity = start_finalization(trial, SETTINGS)
    job_id = get_finalization(identity).job_id

    def kill_when(is_so: Callable[[FinalizationView], bool]) -> None:
        wait_until(lambda: is_so(get_finalization(identity)))
        runner = site.job(job_id).pid
        assert runner is not None
        os.kill(runner, signal.SIGKILL)

    def first_is_done(view: FinalizationView) -> bool:
        return view.contestants[0]["state"] == "done"

    def is_running_in_full(view: FinalizationView) -> bool:
        return view.full_run.get("state") == "running"

    kill_when(first_is_done)
    seconds = get_finalization(identity).contestants[0]["seconds"]
    kill_when(is_running_in_full)
    job = site.wait_for(job_id, "done", "failed")
    assert (job.state, job.error) == ("done", None)
    assert job.attempts == 3
    view = get_finalization(identity)
    assert view.contestants[0]["seconds"] == seconds  # not trained again
    assert view.winner == get_finalization(whole).winner
    assert digest(identity) == digest(whole)
