"""The last fronts' candidates timed end to end, beside what the latency table predicted."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.bench.markdown import markdown_table
from backend.bench.quiet_machine import QuietMachine
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.net_facts import NetFacts
from backend.bench.search.run_curve import RunCurve
from backend.bench.search.run_record import Step
from backend.bench.search.section import Section, sections
from backend.devices.compilation import toolchain_cache
from backend.latency.program_batch import ProgramBench
from backend.search.front import FrontPoint, pareto_front
from backend.search.search_device import LOCAL, open_device
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.storage.artifacts import write_whole
from backend.storage.settings import Settings
from codegen.errors import PunchcardError

POINTS = 8
"""Members of a front that are timed: evenly along it, its ends among them."""

FILE = "measured.json"
_BATCH = 4


@dataclass(frozen=True)
class Measured:
    """A front member by the clock.

    Attributes:
        evaluation: its number in its run, from 1.
        measured_ms: in the clock of the table's dense net: time over that of the dense net, which
            ran in turns with it, times the predicted time of the dense net.
    """

    net: str
    fidelity: str
    sampler: str
    seed: int
    evaluation: int
    accuracy: float
    predicted_ms: float
    measured_ms: float


def measure_fronts(run: BenchRun, settings: Settings) -> None:
    """Time the fronts of every sampler's first run that is not timed yet."""
    known = read_measured(run)
    for section in sections(run):
        done = {(m.sampler, m.seed, m.evaluation) for m in known if _is_of(m, section)}
        todo = [
            (curves.sampler, seed, number, step)
            for curves in section.curves
            for seed, one in list(curves.runs.items())[:1]
            for number, step in front_steps(one)
            if (curves.sampler, seed, number) not in done
        ]
        for start in range(0, len(todo), _BATCH):
            if run.should_stop():
                return
            known += _timed(run, section, todo[start : start + _BATCH], settings)
            content = json.dumps([asdict(one) for one in known], indent=1).encode()
            write_whole(run.folder / FILE, content)
            run.say(f"{section.name}: {min(start + _BATCH, len(todo))} of {len(todo)} timed")


def front_steps(run: RunCurve) -> list[tuple[int, Step]]:
    """Some members of a run's front that count, with their numbers from 1."""
    points = [FrontPoint(i, s.accuracy, s.latency_ms) for i, s in enumerate(run.steps)]
    front = [p for p in pareto_front(points) if p.accuracy > run.reference.floor]
    places = np.unique(np.linspace(0, len(front) - 1, min(POINTS, len(front))).round().astype(int))
    return [(front[i].number + 1, run.steps[front[i].number]) for i in places]


def read_measured(run: BenchRun) -> list[Measured]:
    """What was timed so far."""
    try:
        return [Measured(**one) for one in json.loads((run.folder / FILE).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def measured_markdown(section: Section, measured: Sequence[Measured]) -> str | None:
    """How predictions of front members came true, by sampler; None where nothing was timed."""
    rows = []
    for curves in section.curves:
        mine = [m for m in measured if _is_of(m, section) and m.sampler == curves.sampler]
        if not mine:
            continue
        errors = np.array([m.predicted_ms / m.measured_ms - 1.0 for m in mine])
        volumes = [
            section.reference.hypervolume(points)
            for points in (
                [(m.accuracy, m.predicted_ms) for m in mine],
                [(m.accuracy, m.measured_ms) for m in mine],
            )
        ]
        rows.append(
            [
                curves.title,
                str(len(mine)),
                f"{np.median(np.abs(errors)):.1%}",
                f"{np.median(errors):+.1%}",
                f"{np.abs(errors).max():.1%}",
                *(f"{volume:.3f}" for volume in volumes),
            ]
        )
    if not rows:
        return None
    heads = ("front of", "timed", "median error", "bias", "largest", "hypervolume, predicted",
             "by the clock")  # fmt: skip
    return markdown_table(heads, rows)


def measured_json(section: Section, measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The same, point by point."""
    return [asdict(one) for one in measured if _is_of(one, section)]


def _is_of(measured: Measured, section: Section) -> bool:
    return (measured.net, measured.fidelity) == (section.net, section.fidelity)


def _timed(
    run: BenchRun,
    section: Section,
    todo: Sequence[tuple[str, int, int, Step]],
    settings: Settings,
) -> list[Measured]:
    facts = NetFacts(section.net, run.plan)
    found = []
    with (
        open_device(LOCAL, settings) as device,
        tempfile.TemporaryDirectory(prefix="punchcard-fronts-") as folder,
    ):
        bench = ProgramBench(
            facts.graph,
            facts.pattern_sets,
            device,
            Path(folder),
            toolchain_cache(settings),
            QuietMachine(settings),
        )
        names = [f"c{number}" for number in range(len(todo))]
        packages = [
            bench.built(_candidate(step.labels), name)
            for name, (_, _, _, step) in zip(names, todo, strict=True)
        ]
        try:
            _, programs = bench.timed(packages)
        except PunchcardError as error:
            run.say(f"not timed: {error}")
            return []
        for (sampler, seed, number, step), program in zip(todo, programs, strict=True):
            ratio = program.timing.median_ms / program.timing.dense_median_ms
            found.append(
                Measured(
                    section.net,
                    section.fidelity,
                    sampler,
                    seed,
                    number,
                    step.accuracy,
                    step.latency_ms,
                    ratio * section.reference.latency_ms,
                )
            )
    return found


def _candidate(labels: Mapping[str, str]) -> Candidate:
    return Candidate.of({name: LayerChoice.parse(label) for name, label in labels.items()})
