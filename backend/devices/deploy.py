"""A candidate onto a device: built for that device where needed, then the deployment protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.devices.compilation import FloatArray, compile_graph
from backend.devices.registry import LOCAL, open_agent
from backend.devices.turn import DeviceTurn
from backend.storage.settings import Settings, load_settings
from codegen.errors import PunchcardError
from codegen.ir.storage import load_graph
from codegen.package import GRAPH, Package, PackageError
from codegen.targets.registry import host_target, load_target, target_for
from codegen.targets.target import Target
from device_agents.facts import DeviceFacts
from device_agents.release import DEPLOY_STEPS, OnStep, Release, Step

BUILD = "build"
STEPS = (BUILD, *DEPLOY_STEPS)


@dataclass(frozen=True)
class CandidateSource:
    """Where a candidate lies: its package and, to build it for other devices, its graph."""

    package: Path
    graph: Path | None


def candidate_source(candidate: str | Path) -> CandidateSource:
    """Find a candidate: a folder made by ``punchcard compile``, or the id of a finished trial.

    Raises:
        PunchcardError: It is neither.
    """
    folder = Path(candidate)
    if folder.is_dir():
        graphs = [path for path in (folder / GRAPH, folder.parent / GRAPH) if path.is_file()]
        return CandidateSource(folder, graphs[0] if graphs else None)
    if "/" in str(candidate):
        msg = f"{candidate} is no folder: give one made by 'punchcard compile', or a trial's id"
        raise PunchcardError(msg)
    from backend.services.candidates import candidate_folder

    trial = candidate_folder(str(candidate))
    return CandidateSource(trial / "package", trial / GRAPH)


def deploy_candidate(
    candidate: str | Path,
    device: str,
    on_step: OnStep,
    *,
    settings: Settings | None = None,
    tune_seconds: float = 0.0,
) -> dict[str, Any]:
    """Deploy a candidate and return what the command line prints as JSON.

    Args:
        candidate: Package folder or trial id.
        device: Name of a registered device, or ``local``.
        on_step: Told of each step (``STEPS``) as it begins and ends.
        settings: The installation.
        tune_seconds: Budget for measuring schedules on the device before the build; 0: none.

    Returns:
        ``release``, ``verified``, ``unchanged``, ``max_relative_error``, ``latency_ms`` (None on an
        emulated device), ``previous``, ``emulated``, ``target``, ``bytes_sent``, ``facts``,
        ``steps`` [{``name``, ``state``, ``seconds``, ``message``}].

    Raises:
        PunchcardError: The candidate cannot be built for the device.
        DeviceError: The device refused or failed; what was current there still is.
    """
    settings = settings or load_settings()
    source = candidate_source(candidate)
    with open_agent(device, settings) as agent:
        build_step, started = Step(BUILD, "running"), time.monotonic()
        on_step(build_step)
        try:
            facts = agent.probe()
            target = host_target() if device == LOCAL else target_for(facts.to_json())
            package = _package_for(source, target, facts, settings)
            if tune_seconds > 0:
                package = _tuned(
                    source, package, target, device, tune_seconds, settings,
                    lambda text: on_step(Step(BUILD, "running", None, text)),
                )  # fmt: skip
        except Exception as error:
            on_step(Step(BUILD, "failed", time.monotonic() - started, str(error)))
            raise
        build_step = Step(BUILD, "done", time.monotonic() - started, f"for {_name(package)}")
        on_step(build_step)
        with DeviceTurn(device, settings):
            release = agent.deploy(package.folder, on_step)
    return {
        **release_json(release, [build_step]),
        "target": _name(package),
        "facts": facts.to_json(),
    }


def rollback_device(
    device: str, on_step: OnStep, *, settings: Settings | None = None
) -> dict[str, Any]:
    """Make the release current that was so before; returns the same fields as a deployment.

    Raises:
        DeviceError: There is none, or the device failed; nothing has changed then.
    """
    settings = settings or load_settings()
    with open_agent(device, settings) as agent, DeviceTurn(device, settings):
        return release_json(agent.rollback(on_step))


def release_json(release: Release, before: list[Step] | None = None) -> dict[str, Any]:
    """Return a release as the JSON fields that scripts read."""
    return {
        "release": release.id,
        "verified": release.verified,
        "unchanged": release.unchanged,
        "max_relative_error": release.max_relative_error,
        "latency_ms": release.latency_ms,
        "samples_ms": list(release.samples_ms),
        "previous": release.previous,
        "emulated": release.emulated,
        "bytes_sent": release.bytes_sent,
        "steps": [step_json(step) for step in (*(before or []), *release.steps)],
    }


def step_json(step: Step) -> dict[str, Any]:
    """Return one step as the page and scripts read it."""
    seconds = None if step.seconds is None else round(step.seconds, 3)
    return {
        "name": step.name,
        "state": step.state,
        "seconds": seconds,
        "message": step.message,
    }


def _package_for(
    source: CandidateSource, target: Target, facts: DeviceFacts, settings: Settings
) -> Package:
    package = Package.open(source.package)
    if _name(package) == target.full_name or _runs_here(package, facts, target):
        return package
    if source.graph is None:
        msg = (
            f"package {source.package} was built for {_name(package)} and holds no graph: compile "
            f"the model again with --target {target.full_name}"
        )
        raise PackageError(msg)
    graph, threads = load_graph(source.graph), int(package.manifest.get("threads", 1))
    name = f"{graph.digest[:16]}-{target.full_name}-{threads}"
    return compile_graph(
        graph,
        target,
        settings.cache / "packages" / name,
        threads=threads,
        settings=settings,
        self_test=_self_test_of(package),
    )


def _tuned(
    source: CandidateSource,
    package: Package,
    target: Target,
    device: str,
    seconds: float,
    settings: Settings,
    say: Callable[[str], None],
) -> Package:
    """The package built again with what measuring on the device found, if that is faster."""
    from backend.tuning.tune_graph import known_schedules, tune_graph

    if source.graph is None:
        msg = f"package {source.package} holds no graph to tune: compile the model again"
        raise PackageError(msg)
    graph, threads = load_graph(source.graph), int(package.manifest.get("threads", 1))
    self_test = _self_test_of(package)
    tune_graph(
        graph, target, seconds=seconds, settings=settings, device=device, threads=threads,
        self_test=self_test, on_progress=lambda _share, text: say(f"tuning, {text}"),
    )  # fmt: skip
    schedules = known_schedules(graph, target, settings=settings)
    if not schedules:
        say("tuning found nothing faster than the default")
        return package
    chosen = "\n".join(f"{name} {schedules[name].to_json()}" for name in sorted(schedules))
    digest = hashlib.sha256(chosen.encode()).hexdigest()[:12]
    name = f"{graph.digest[:16]}-{target.full_name}-{threads}-tuned-{digest}"
    say(f"building with tuned schedules of {len(schedules)} layers")
    return compile_graph(
        graph, target, settings.cache / "packages" / name, threads=threads, settings=settings,
        self_test=self_test, schedules=schedules,
    )  # fmt: skip


def _self_test_of(package: Package) -> tuple[FloatArray, FloatArray]:
    return (
        np.fromfile(package.folder / "input.bin", "<f4").reshape(package.input_shape),
        np.fromfile(package.folder / "expected.bin", "<f4").reshape(package.output_shape),
    )


def _runs_here(package: Package, facts: DeviceFacts, target: Target) -> bool:
    """Tell whether a user's own choice of target, say the generic one, suits the device."""
    chosen = load_target(_name(package))
    return (
        chosen.arch == target.arch
        and chosen.runs_on(frozenset(facts.features))
        and chosen.libc in ("musl", target.libc)
        and not (package.folder.parent / GRAPH).is_file()
    )


def _name(package: Package) -> str:
    return str(package.manifest["target"])
