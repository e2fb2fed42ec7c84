"""Tuning's front door: a graph, a target, a device and seconds in, schedules out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from backend.bench.quiet_machine import QuietMachine
from backend.devices.registry import LOCAL, open_agent
from backend.devices.turn import DeviceTurn
from backend.storage.settings import Settings
from backend.tuning.device_measure import DeviceMeasure, FloatArray
from backend.tuning.errors import TuningError
from backend.tuning.tuner import TuningResult, tune
from backend.tuning.tuning_file import TuningFile, best_schedules, home_file, known_files
from codegen.ir.graph import Graph
from codegen.ir.passes import optimize
from codegen.lowering.tuning_space import fitting_schedules, tuning_space
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import members_of
from codegen.targets.target import Target


def tune_graph(
    graph: Graph,
    target: Target,
    *,
    seconds: float,
    settings: Settings,
    device: str = LOCAL,
    threads: int = 1,
    is_exact: bool = False,
    self_test: tuple[FloatArray, FloatArray] | None = None,
    file: Path | None = None,
    on_progress: Callable[[float, str], None] | None = None,
    check: Callable[[], None] | None = None,
) -> TuningResult:
    """Tune a graph on a device; results go into the tuning file, which later compiles read.

    Args:
        graph: what to tune.
        target: what for; the device must run it.
        seconds: budget.
        settings: the installation.
        device: name of a registered device.
        threads: of the program.
        is_exact: as in `generate`.
        self_test: input and expected output; by default random numbers and what torch computes.
        file: the tuning file; by default the home's.
        on_progress: told the used share of the budget, and what is being done.
        check: called between rounds; raises to cancel.

    Raises:
        TuningError: the target has several programs in one, or the device does not run it.
        DeviceError: the device cannot be reached.
    """
    if len(members_of(target)) != 1:
        names = ", ".join(member.name for member in members_of(target))
        msg = f"{target.name} holds several programs: tune for one of {names}"
        raise TuningError(msg)
    store = TuningFile(file or home_file(settings))
    with open_agent(device, settings) as agent, tempfile.TemporaryDirectory() as name:
        facts = agent.probe()
        if not target.runs_on(frozenset(facts.features)) or facts.arch != target.arch:
            msg = (
                f"device {device!r} does not run {target.full_name}: tune on a device that does "
                "(--tune-on), or for another target"
            )
            raise TuningError(msg)
        if facts.emulated:
            msg = f"device {device!r} is emulated: its milliseconds mean nothing"
            raise TuningError(msg)
        quiet = QuietMachine(settings, threads)
        layers = tuning_space(optimize(graph), target, is_exact=is_exact)
        values, expected = self_test or _self_test(graph)
        measure = DeviceMeasure(
            graph,
            target,
            agent,
            Path(name),
            values,
            expected,
            settings=settings,
            threads=threads,
            is_exact=is_exact,
            quiet=quiet if device == LOCAL else DeviceTurn(device, settings),
        )
        return tune(
            layers,
            target.full_name,
            measure,
            seconds=seconds,
            file=store,
            on_progress=on_progress,
            check=check,
            clock=quiet.clock,
        )


def known_schedules(
    graph: Graph,
    target: Target,
    *,
    settings: Settings,
    file: Path | None = None,
    is_exact: bool = False,
) -> dict[str, Schedule]:
    """What earlier tunings found for the layers of a graph, by layer name.

    Args:
        graph: what will be compiled.
        target: what for.
        settings: the installation, whose file counts more than shipped ones.
        file: a file that counts more than both.
        is_exact: as in `generate`.

    Raises:
        TuningError: a file is no tuning file.
    """
    if file is not None and not file.is_file():
        msg = f"there is no tuning file {file}"
        raise TuningError(msg)
    tuned = best_schedules(known_files(settings, file), target.full_name)
    if not tuned or len(members_of(target)) != 1:
        return {}
    return fitting_schedules(optimize(graph), target, tuned, is_exact=is_exact)


def _self_test(graph: Graph) -> tuple[FloatArray, FloatArray]:
    from backend.models.reference_run import reference_output

    values = np.random.default_rng(0).standard_normal(graph.inputs[0][1].shape)
    single = values.astype(np.float32)
    return single, reference_output(graph, single)
