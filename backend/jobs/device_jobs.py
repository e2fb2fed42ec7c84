"""Jobs that talk to a device: deploy, roll back, probe, look at a host's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backend.devices import deploy as deploying
from backend.devices.registry import open_agent, store_facts, store_release
from backend.devices.scan import scan_host_key as scan
from backend.jobs.context import JobContext
from backend.storage.tables import Deployment
from device_agents.release import ROLLBACK_STEPS, Step

# The new release answers already: a cancel comes too late, and the job ends as done.
_AFTER_SWITCH = frozenset({"read_back", "tidy"})


def deploy(context: JobContext) -> Mapping[str, Any]:
    """Build for the device, put, prove, switch; each step is written as it begins and ends."""
    candidate, device = context.payload["candidate"], context.payload["device"]
    steps = StepRecord(context, deploying.STEPS)
    result = deploying.deploy_candidate(
        candidate,
        device,
        steps.note,
        settings=context.settings,
        tune_seconds=float(context.payload.get("tune_seconds", 0.0)),
    )
    facts = result.pop("facts")
    with context.write() as session:
        _keep(session.get_one(Deployment, context.payload["deployment"]), result)
        store_release(session, device, result["release"])
    context.event("deployed", f"{result['release']} on {device}", arch=facts.get("arch"))
    return result


def rollback(context: JobContext) -> Mapping[str, Any]:
    """Make the former release the current one."""
    device = context.payload["device"]
    steps = StepRecord(context, ROLLBACK_STEPS)
    result = deploying.rollback_device(device, steps.note, settings=context.settings)
    with context.write() as session:
        _keep(session.get_one(Deployment, context.payload["deployment"]), result)
        store_release(session, device, result["release"])
    context.event("rolled_back", f"{result['release']} on {device}")
    return result


def probe(context: JobContext) -> Mapping[str, Any]:
    """Ask a device what it is and keep the answer; the result are the facts."""
    device = context.payload["device"]
    context.progress("probe", 0, 1, device)
    with open_agent(device, context.settings) as agent:
        facts = agent.probe()
    with context.write() as session:
        store_facts(session, device, facts)
    context.progress("probe", 1, 1, device)
    return facts.to_json()


def scan_host_key(context: JobContext) -> Mapping[str, Any]:
    """Look at the key that a host shows; a person decides about it."""
    host, port = context.payload["host"], context.payload["port"]
    context.progress("scan", 0, 1, host)
    return scan(host, port)


class StepRecord:
    """The steps of a deployment in its row, in the order in which they are drawn."""

    def __init__(
        self,
        context: JobContext,
        names: tuple[str, ...],
        describe: Callable[[Step], dict[str, Any]] = deploying.step_json,
    ) -> None:
        self._context = context
        self._describe = describe
        self._steps: dict[str, dict[str, Any]] = {
            name: describe(Step(name, "waiting")) for name in names
        }
        self._store()

    def note(self, step: Step) -> None:
        """Take a step that began or ended; a job that lost its lease ends here.

        Raises:
            CancelledError: the job should stop, and the former release still answers.
            FencedError: another runner holds the job.
        """
        if step.state == "running" and step.name not in _AFTER_SWITCH:
            self._context.check()
        self._steps[step.name] = self._describe(step)
        self._store()
        ended = sum(item["state"] in {"done", "skipped"} for item in self._steps.values())
        self._context.progress(step.name, ended, len(self._steps), step.message)

    def _store(self) -> None:
        with self._context.write() as session:
            row = session.get_one(Deployment, self._context.payload["deployment"])
            row.steps = list(self._steps.values())


def _keep(row: Deployment, result: Mapping[str, Any]) -> None:
    for name in ("release", "verified", "unchanged", "max_relative_error", "latency_ms"):
        setattr(row, name, result[name])
