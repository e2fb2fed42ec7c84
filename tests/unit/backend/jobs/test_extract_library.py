"""The job of library extraction, from the service that queues it to the set that is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.extract_library import extract_library
from backend.jobs.kept_model import keep_model
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop, submit
from backend.jobs.states import Wanted
from backend.services.pattern_libraries import library_stages, start_library
from backend.services.patterns import get_pattern_set
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from codegen.errors import PlanError
from tests.fixtures.image_sets import bars, small_net


def claim() -> JobContext:
    settings, database = load_settings(), open_database()
    settings.make_folders()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "search")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str]:
    """Name of a kept model and path of its data."""
    data = bars(120)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    submit(open_database(), "import_model", {}, lane="search")
    context = claim()
    model = keep_model(context, small_net(data), "small", "small")
    request_stop(open_database(), context.job_id, Wanted.CANCEL)
    return model, str(tmp_path / "bars.npz")


def test_a_library_is_extracted_and_kept(place: tuple[str, str]) -> None:
    model, data = place
    job = start_library(model, data, name="mine", sizes=(12, 4), images=64)
    assert start_library(model, data, name="mine", sizes=(12, 4), request_id="a") != job
    result = extract_library(claim())
    assert result["patterns"] == "mine"
    stages = library_stages(result)
    assert [(stage.before, stage.after) for stage in stages] == [(56, 12), (12, 4)]
    assert [count for _, count in stages[0].counts] == sorted(
        (count for _, count in stages[0].counts), reverse=True
    )
    kept = get_pattern_set("mine")
    assert len(kept.patterns) == 4
    assert model in kept.note
    assert not list(load_settings().cache.glob("library-*"))


def test_a_cancelled_extraction_keeps_nothing(place: tuple[str, str]) -> None:
    model, data = place
    start_library(model, data, name="mine", sizes=(12,), images=64)
    context = claim()
    context.stop()
    with pytest.raises(CancelledError):
        extract_library(context)
    with pytest.raises(PlanError, match="no pattern set"):
        get_pattern_set("mine")


def test_what_cannot_be_extracted_is_refused_before_it_is_queued(place: tuple[str, str]) -> None:
    model, data = place
    with pytest.raises(PlanError, match="sizes must fall"):
        start_library(model, data, name="mine", sizes=(8, 8))
    with pytest.raises(PlanError, match="shipped"):
        start_library(model, data, name="natural-8")
