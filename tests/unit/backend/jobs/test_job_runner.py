"""How a run ends: by its result, by an error's sentence, by a request, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import runner
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kinds import JOB_KINDS, job_function
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop, submit
from backend.jobs.states import Wanted
from backend.services.jobs import get_job
from backend.services.views import JobView
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from codegen.errors import PunchcardError
from device_agents.errors import DeviceError

FUNCTIONS = f"{__name__}:"


def succeed(_context: JobContext) -> Mapping[str, Any]:
    return {"value": 1}


def refuse(_context: JobContext) -> None:
    msg = "The file x.onnx is not a model: choose another."
    raise PunchcardError(msg)


def miss(_context: JobContext) -> None:
    msg = "the device is asleep: wake it"
    raise DeviceError(msg)


def break_down(_context: JobContext) -> None:
    msg = "what nobody\nthought of"
    raise RuntimeError(msg)


def cancelled(context: JobContext) -> None:
    request_stop(context.database, context.job_id, Wanted.CANCEL)
    context.check()


def paused_while_a_child_dies(context: JobContext) -> None:
    request_stop(context.database, context.job_id, Wanted.PAUSE)
    context.stop()
    msg = "the child was ended"
    raise RuntimeError(msg)


def shut_down(_context: JobContext) -> None:
    raise CancelledError


def complete_too_late(context: JobContext) -> Mapping[str, Any]:
    request_stop(context.database, context.job_id, Wanted.CANCEL)
    return {"value": 2}


def run(name: str) -> JobView:
    """Queue and run a function of this file."""
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    job_id = submit(database, name, {})
    claim = leases.claim("w", "short")
    assert claim is not None
    log = open_log(settings.logs / f"{job_id}.jsonl")
    context = JobContext(claim, settings=settings, database=database, leases=leases, log=log)
    assert runner._run(context, leases, name, {name: FUNCTIONS + name}) == 0
    return get_job(job_id)


@pytest.mark.parametrize(
    ("name", "state", "result"),
    [
        ("succeed", "done", {"value": 1}),
        ("complete_too_late", "done", {"value": 2}),
        ("cancelled", "cancelled", None),
        ("paused_while_a_child_dies", "paused", None),
        ("shut_down", "queued", None),
    ],
)
def test_state_after_the_run(name: str, state: str, result: dict[str, int] | None) -> None:
    view = run(name)
    assert (view.state, view.result, view.error) == (state, result, None)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("refuse", "The file x.onnx is not a model: choose another."),
        ("miss", "the device is asleep: wake it"),
    ],
)
def test_error_of_a_user_is_its_sentence(name: str, sentence: str) -> None:
    view = run(name)
    assert (view.state, view.error) == ("failed", sentence)


def test_error_of_the_program_is_short_and_its_traceback_is_in_the_log(private_home: Path) -> None:
    view = run("break_down")
    assert view.error is not None
    assert "(RuntimeError: what nobody)" in view.error
    assert "\n" not in view.error
    log = (private_home / "logs" / f"{view.id}.jsonl").read_text()
    assert "thought of" in log
    assert "Traceback" in log


def test_kind_of_another_version_is_told() -> None:
    with pytest.raises(PunchcardError, match="no job kind 'future'"):
        job_function("future")


@pytest.mark.parametrize("kind", sorted(JOB_KINDS))
def test_every_kind_names_a_function(kind: str) -> None:
    assert callable(job_function(kind))
