"""The cells of a plan that can be named by now: some follow from the results of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.bench.accuracy.cell import Cell
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.pilot import PilotScore, chosen_setting, pilot_score
from backend.bench.search.plan import Part
from backend.bench.search.run_cell import cell_of
from backend.bench.search.run_curve import RunCurve, SamplerCurves
from backend.bench.search.run_record import spent_on, steps_of
from backend.bench.search.setting import SETTINGS, Setting
from backend.bench.search.verdict import best_samplers


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """A run to do.

    Attributes:
        net: of the zoo.
        fidelity: of its evaluations.
        count: evaluations it is to have.
        is_pilot: it only chooses a setting.
    """

    cell: Cell
    net: str
    fidelity: str
    count: int
    is_pilot: bool = False


def planned_cells(run: BenchRun) -> list[PlannedCell]:
    """Pilot runs first, then the parts in order; what waits for the results of others is absent."""
    found = {one.cell.key: one for one in pilot_cells(run)}
    for part in run.plan.parts:
        for one in _cells_of(run, part):
            known = found.get(one.cell.key)
            if known is None or known.count < one.count:
                found[one.cell.key] = one
    return list(found.values())


def pilot_cells(run: BenchRun) -> Iterator[PlannedCell]:
    """Runs of the samplers that have two settings."""
    pilot = run.plan.pilot
    task = run.task(pilot.net, pilot.fidelity)
    for seed in pilot.seeds:
        for sampler in run.plan.samplers:
            for setting in SETTINGS[sampler]:
                if len(SETTINGS[sampler]) > 1:
                    cell = cell_of(task, setting, pilot.net, pilot.fidelity, seed)
                    yield PlannedCell(cell, pilot.net, pilot.fidelity, pilot.count, is_pilot=True)


def pilot_scores(run: BenchRun) -> dict[Setting, PilotScore]:
    """Scores of the settings whose pilot runs are whole."""
    pilot = run.plan.pilot
    reference = run.reference(pilot.net, pilot.fidelity)
    runs: dict[Setting, dict[int, RunCurve]] = {}
    for one in pilot_cells(run):
        steps = steps_of(one.cell, run.journal)
        curves = runs.setdefault(one.cell.work, {})
        curves[one.cell.seed] = RunCurve(steps, reference)
    scores = (pilot_score(setting, found, pilot.count) for setting, found in runs.items())
    return {score.setting: score for score in scores if score is not None}


def chosen_settings(run: BenchRun) -> dict[str, Setting]:
    """Setting of every sampler for which it is decided."""
    scores = pilot_scores(run)
    found = {name: chosen_setting(name, scores) for name in run.plan.samplers}
    return {name: setting for name, setting in found.items() if setting is not None}


def curves_of(
    run: BenchRun, net: str, fidelity: str, seeds: Sequence[int], floor: float | None = None
) -> list[SamplerCurves]:
    """What the journal has of a task's runs, sampler by sampler."""
    task, reference = run.task(net, fidelity), run.reference(net, fidelity, floor)
    found = []
    for sampler, setting in chosen_settings(run).items():
        runs = {}
        for seed in seeds:
            cell = cell_of(task, setting, net, fidelity, seed)
            steps = steps_of(cell, run.journal)
            if steps:
                runs[seed] = RunCurve(steps, reference, spent_on(cell, run.journal))
        if runs:
            found.append(SamplerCurves(sampler, setting.title, runs))
    return found


def best_of_plan(run: BenchRun) -> list[str]:
    """Samplers from best to worst by the plan's judge; empty until all its runs are there."""
    judge = run.plan.judge
    curves = curves_of(run, judge.net, judge.fidelity, judge.seeds)
    found = best_samplers(curves, judge.at, judge.seeds)
    return found if len(found) == len(run.plan.samplers) else []


def _cells_of(run: BenchRun, part: Part) -> Iterator[PlannedCell]:
    settings = chosen_settings(run)
    samplers: Sequence[str] = run.plan.samplers
    if part.best is not None:
        samplers = best_of_plan(run)[: part.best]
    if not samplers or not run.can_open(part.net, part.fidelity):
        return
    task = run.task(part.net, part.fidelity)
    for seed in part.seeds:
        for sampler in samplers:
            if sampler in settings:
                cell = cell_of(task, settings[sampler], part.net, part.fidelity, seed)
                yield PlannedCell(cell, part.net, part.fidelity, part.count(sampler))
