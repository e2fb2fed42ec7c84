"""Deployment jobs write each step as it happens, and a cancel never undoes a switch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.devices import deploy as deploying
from backend.jobs import device_jobs
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop
from backend.jobs.states import Wanted
from backend.services import deployments, devices
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from device_agents.release import DEPLOY_STEPS, OnStep, Step

RESULT = {
    "release": "0123456789abcdef",
    "verified": True,
    "unchanged": False,
    "max_relative_error": 1e-6,
    "latency_ms": 1.5,
}


def claim() -> JobContext:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("w", "short")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


def walk(before: Callable[[str], object]) -> Callable[..., dict[str, Any]]:
    """A deployment that takes every step; `before` sees the name of each one."""

    def deploy(_candidate: str, _device: str, on_step: OnStep, **_: object) -> dict[str, Any]:
        for name in DEPLOY_STEPS:
            before(name)
            on_step(Step(name, "running"))
            on_step(Step(name, "done", 0.1, "fine"))
        return {**RESULT, "facts": {"arch": "x86_64"}}

    return deploy


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> JobContext:
    monkeypatch.setattr(deployments, "package_folder", lambda _candidate: Path())
    deployments.start_deployment("s-1", "local")
    return claim()


def test_steps_and_result_stand_in_the_history(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def look(_name: str) -> None:
        (view,) = deployments.list_deployments()
        seen.append([step.state for step in view.steps])

    monkeypatch.setattr(deploying, "deploy_candidate", walk(look))
    result = device_jobs.deploy(context)
    assert result["release"] == RESULT["release"]
    assert seen[0] == ["waiting"] * len(deploying.STEPS)
    assert seen[2].count("done") == 2
    (view,) = deployments.list_deployments()
    assert (view.release, view.verified, view.latency_ms) == ("0123456789abcdef", True, 1.5)
    assert view.steps[-1].message == "fine"
    assert devices.get_device("local").current_release == "0123456789abcdef"


@pytest.mark.parametrize(("step", "is_cancelled"), [("upload", True), ("read_back", False)])
def test_cancel_ends_a_deployment_only_before_the_switch(
    context: JobContext, monkeypatch: pytest.MonkeyPatch, step: str, is_cancelled: bool
) -> None:
    def cancel(name: str) -> None:
        if name == step:
            request_stop(context.database, context.job_id, Wanted.CANCEL)

    monkeypatch.setattr(deploying, "deploy_candidate", walk(cancel))
    if is_cancelled:
        with pytest.raises(CancelledError):
            device_jobs.deploy(context)
    else:
        device_jobs.deploy(context)
    (view,) = deployments.list_deployments()
    assert view.verified is not is_cancelled
    assert (view.release is None) is is_cancelled


def test_probe_keeps_the_facts_of_this_computer() -> None:
    devices.probe_device("local")
    facts = device_jobs.probe(claim())
    local = devices.get_device("local")
    assert local.facts == facts
    assert local.facts is not None
    assert local.facts["arch"]
    assert local.probed_at is not None


def test_failed_scan_is_one_sentence() -> None:
    from device_agents.errors import DeviceError

    devices.scan_host("127.0.0.1", 1)
    with pytest.raises(DeviceError) as raised:
        device_jobs.scan_host_key(claim())
    assert "\n" not in str(raised.value)
