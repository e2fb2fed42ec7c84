"""The training job: from the form's choice to a model that a search takes, cancelled between."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.config.search_file import parse_config
from backend.data.errors import DataError
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kinds import job_function
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop, resume
from backend.jobs.states import JobState, Wanted
from backend.search.preparation import prepare
from backend.services.jobs import list_events
from backend.services.models import list_models, open_model
from backend.services.training import list_recipes, living_training, start_training
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.training.errors import TrainingError
from codegen.errors import GraphError
from tests.fixtures.image_sets import bars

QUICK = {"epochs": 2, "batch": 16}


@pytest.fixture
def data_path(tmp_path: Path) -> str:
    data = bars(120)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    return str(tmp_path / "bars.npz")


def claim() -> JobContext:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "search")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


def run(context: JobContext) -> dict[str, object]:
    report = job_function("train_model")(context)
    assert report is not None
    json.dumps(report)
    return dict(report)


def test_the_trained_model_is_kept_and_a_search_takes_it(data_path: str) -> None:
    job_id = start_training("resnet8", data_path, "scratch", QUICK)
    living = living_training()
    assert living is not None and living.id == job_id
    report = run(claim())
    assert report["model"] == "resnet8-bars" and report["of"] == "resnet8"
    assert len(report["history"]) == 2
    assert "resnet8-bars" in [card.name for card in list_models()]
    graph = open_model("resnet8-bars")
    assert graph.digest == report["graph_digest"]
    told = [event.message for event in list_events(job_id) if event.kind == "epoch"]
    assert len(told) == 2 and "validation loss" in told[0]
    config = parse_config({"model": "resnet8-bars", "data": data_path})
    prepared = prepare(config, open_database(), open_artifacts(load_settings()))
    assert prepared.digests["model"] == graph.digest
    assert not list((load_settings().artifacts / "trainings").iterdir())


def test_a_cancelled_job_goes_on_to_the_same_weights(
    data_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_training("resnet8", data_path, "scratch", QUICK)
    whole = run(claim())["graph_digest"]
    job_id = start_training("resnet8", data_path, "scratch", QUICK)
    context = claim_next(job_id)
    progress = context.progress

    def stop_at_third(phase: str, done: int, total: int, message: str = "") -> None:
        progress(phase, done, total, message)
        if phase == "training" and done == 3:
            request_stop(open_database(), job_id, Wanted.CANCEL)
            context.stop()

    monkeypatch.setattr(context, "progress", stop_at_third)
    with pytest.raises(CancelledError):
        run(context)
    assert [path.name for path in (load_settings().artifacts / "trainings").iterdir()] == [
        f"{job_id}.checkpoint"
    ]
    leases = LeaseTable(open_database(), stale_s=60, max_crashes=3)
    leases.finish(job_id, context.token, JobState.CANCELLED)
    resume(open_database(), job_id)
    again = claim_next(job_id)
    steps: list[int] = []
    keep = again.progress
    monkeypatch.setattr(
        again,
        "progress",
        lambda phase, done, total, message="": (
            steps.append(done) if phase == "training" else None,
            keep(phase, done, total, message),
        ),
    )
    report = run(again)
    assert steps[0] == 4
    assert report["graph_digest"] == whole
    assert report["model"] == "resnet8-bars"  # the same net is kept once


def claim_next(job_id: str) -> JobContext:
    """Claim a job while an earlier one of the same subject still counts as running."""
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    with database.write() as session:
        from backend.storage.tables import Job

        for row in session.query(Job).filter(Job.id != job_id):
            row.state = JobState.DONE
    found = leases.claim("test", "search")
    assert found is not None and found.job_id == job_id
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


def test_mistakes_are_told_before_a_job_is_queued(data_path: str) -> None:
    with pytest.raises(TrainingError, match="no recipe 'magic'"):
        start_training("resnet8", data_path, "magic")
    with pytest.raises(TrainingError, match="epochs is -1"):
        start_training("resnet8", data_path, "scratch", {"epochs": -1})
    with pytest.raises(TrainingError, match="'distillation' cannot be changed"):
        start_training("resnet8", data_path, "scratch", {"distillation": None})
    with pytest.raises(DataError, match="no data set 'nowhere'"):
        start_training("resnet8", "nowhere", "scratch")
    with pytest.raises(GraphError, match="no model 'nobody'"):
        start_training("nobody", data_path, "scratch")
    assert living_training() is None
    assert {card.name for card in list_recipes()} == {"scratch", "adapt", "fine-tune"}
