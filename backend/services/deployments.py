"""Deployments: a candidate onto a device, and the way back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from backend.jobs.clock import now_s
from backend.jobs.queue import add_job, new_id
from backend.services.candidates import package_folder
from backend.services.devices import get_device
from backend.services.times import to_datetime
from backend.services.views import DeploymentView, StepView
from backend.storage.open_database import open_database
from backend.storage.tables import Deployment, Job


def start_deployment(
    candidate_id: str, device: str, *, request_id: str | None = None, tune_seconds: int = 0
) -> str:
    """Queue a deployment and return its job's id; the same `request_id` again returns the same.

    Args:
        candidate_id: id of a finished trial.
        device: name of a registered device.
        request_id: the user's intent, so that a double click is one deployment.
        tune_seconds: budget for measuring schedules on the device before the build; 0: none.

    Raises:
        SearchError: there is no such candidate, or it has not finished.
        DeviceRefusedError: there is no such device.
    """
    package_folder(candidate_id)
    return _start("deploy", candidate_id, device, request_id, tune_seconds)


def rollback_device(device: str, *, request_id: str | None = None) -> str:
    """Queue the way back to the release that stood before; return the job's id.

    Raises:
        DeviceRefusedError: there is no such device.
    """
    return _start("rollback", "", device, request_id)


def list_deployments(limit: int = 200) -> tuple[DeploymentView, ...]:
    """The newest deployments (roll-backs are jobs of their own), newest first."""
    query = (
        select(Deployment, Job.state, Job.error)
        .join(Job, Job.id == Deployment.job_id)
        .where(Deployment.kind == "deploy")
        .order_by(Deployment.created_at.desc(), Deployment.id)
        .limit(limit)
    )
    with open_database().read() as session:
        return tuple(_view(*row) for row in session.execute(query))


def _start(
    kind: str, candidate_id: str, device: str, request_id: str | None, tune_seconds: int = 0
) -> str:
    name = get_device(device).name
    with open_database().write() as session:
        deployment_id = new_id()
        payload: dict[str, Any] = {
            "deployment": deployment_id,
            "candidate": candidate_id,
            "device": name,
        }
        if tune_seconds:
            payload["tune_seconds"] = tune_seconds
        job = add_job(session, kind, payload, subject=f"device:{name}", request_id=request_id)
        if job.payload["deployment"] == deployment_id:  # not known from an earlier request
            session.add(
                Deployment(
                    id=deployment_id,
                    job_id=job.id,
                    candidate_id=candidate_id,
                    device=name,
                    kind=kind,
                    steps=[],
                    created_at=now_s(),
                )
            )
        return job.id


def _view(row: Deployment, state: str, error: str | None) -> DeploymentView:
    return DeploymentView(
        id=row.id,
        candidate_id=row.candidate_id,
        device=row.device,
        state=state,
        release=row.release,
        verified=row.verified,
        max_relative_error=row.max_relative_error,
        latency_ms=row.latency_ms,
        unchanged=row.unchanged,
        steps=tuple(_step(step) for step in row.steps),
        created_at=to_datetime(row.created_at),
        job_id=row.job_id,
        error=error,
    )


def _step(stored: dict[str, Any]) -> StepView:
    return StepView(
        name=stored["name"],
        state=stored["state"],
        seconds=stored.get("seconds"),
        message=stored.get("message", ""),
    )
