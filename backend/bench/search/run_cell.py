"""Runs one sampler with one seed until it has its evaluations; goes on where a run was cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.provenance import provenance
from backend.bench.journal import Journal
from backend.bench.search.asked_study import AskedStudy
from backend.bench.search.encoding import ENCODINGS
from backend.bench.search.metered_table import MeteredTable
from backend.bench.search.run_record import told_trials, trial_key
from backend.bench.search.sampler_code import sampler_code
from backend.bench.search.search_task import SearchTask
from backend.bench.search.setting import STORE, Setting
from backend.search.samplers import make_sampler

LATENCY = "latency"


def cell_of(task: SearchTask, setting: Setting, net: str, fidelity: str, seed: int) -> Cell:
    """A run, told by everything that decides its proposals; how long it is does not."""
    facts = {
        **task.facts,
        "fidelity": fidelity,
        "sampler": setting.sampler,
        "code": sampler_code(setting.sampler),
        "encoding": setting.encoding,
        "damage": setting.damage,
        "told": task.problem.budget,
    }
    return Cell(f"{net}, {fidelity}", setting.title, seed, facts, setting)


def run_cell(
    task: SearchTask,
    cell: Cell,
    count: int,
    journal: Journal,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Run a cell until it has `count` evaluations or is told to stop.

    Every trial is one record in the journal, written when it is whole. What earlier processes
    wrote is told to the sampler again, so that a run that was cut proposes what it would have.

    Returns:
        Evaluations that are there.
    """
    setting: Setting = cell.work
    told = list(told_trials(cell, journal))
    paid = {(layer, label) for one in told for layer, label in one["labels"].items()}
    read = any(setting.damage in one["seconds"] for one in told)
    damage = MeteredTable(task.damage(setting.damage), is_read=read)
    problem = replace(task.problem, damage=damage)
    study = AskedStudy(
        cell.key,
        make_sampler(setting.sampler, cell.seed, problem),
        problem.space,
        ENCODINGS[setting.encoding](problem.space, problem.cost),
        cell.seed,
    )
    for one in told:
        study.replay(one)
    damage.is_read = read  # building the sampler may look; it pays when it proposes
    number = len(told)
    while study.evaluations < count and not should_stop():
        seconds: dict[str, float] = {}
        if number == 0:
            seconds[LATENCY] = task.table_seconds(LATENCY)
        asked = study.ask()
        if damage.is_read and not read:
            seconds[setting.damage] = task.table_seconds(setting.damage)
            read = True
        found = task.evaluate(asked.labels)
        seconds["ask"] = asked.seconds
        if asked.repeats is None:
            seconds["evaluate"] = found.seconds
            # the table from the store is the reconstruction of all layers, paid at once
            has_all = read and setting.damage == STORE
            seconds["layers"] = 0.0 if has_all else _new_layers(task, asked.labels, paid)
        values: dict[str, Any] = study.tell(asked, found)
        values["seconds"] = {name: round(value, 4) for name, value in seconds.items()}
        journal.add(
            {
                "key": trial_key(cell, number),
                "net": cell.net,
                "row": cell.row,
                "seed": cell.seed,
                "facts": dict(cell.facts) if number == 0 else {},
                "values": values,
                **(provenance() if number == 0 else {}),
            }
        )
        number += 1
    return study.evaluations


def _new_layers(task: SearchTask, labels: Mapping[str, str], paid: set[tuple[str, str]]) -> float:
    """CPU seconds of the reconstructions that this run has not used before.

    Whoever computed them: they are in the store for all, and each run is charged its own.
    """
    seconds = 0.0
    for pair in labels.items():
        if pair not in paid:
            paid.add(pair)
            seconds += task.layer_seconds(*pair)
    return seconds
