"""One trial of a run as the journal keeps it, and a run as it is read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.journal import Journal


def trial_key(cell: Cell, number: int) -> str:
    """Key of a cell's trial in the journal."""
    return f"{cell.key}/{number}"


def told_trials(cell: Cell, journal: Journal) -> Iterator[Mapping[str, Any]]:
    """The values of a cell's trials, in order."""
    number = 0
    while (record := journal.records.get(trial_key(cell, number))) is not None:
        yield record["values"]
        number += 1


@dataclass(frozen=True)
class Step:
    """The state of a run after an evaluation.

    Attributes:
        accuracy: of the candidate.
        cross_entropy: in nats.
        latency_ms: predicted.
        cpu_s: everything the run has cost so far: tables it read, layers it touched, evaluations,
            and the sampler's own time.
        labels: of the candidate.
    """

    accuracy: float
    cross_entropy: float
    latency_ms: float
    cpu_s: float
    labels: Mapping[str, str]


def steps_of(cell: Cell, journal: Journal) -> list[Step]:
    """A run's evaluations in order; repeated candidates only cost time."""
    steps: list[Step] = []
    cpu_s = 0.0
    for told in told_trials(cell, journal):
        cpu_s += sum(told["seconds"].values())
        if told["repeats"] is None:
            steps.append(
                Step(
                    told["accuracy"],
                    told["cross_entropy"],
                    told["latency_ms"],
                    cpu_s,
                    told["labels"],
                )
            )
    return steps


def spent_on(cell: Cell, journal: Journal) -> dict[str, float]:
    """CPU seconds of a whole run by what they were spent on."""
    spent: dict[str, float] = {}
    for told in told_trials(cell, journal):
        for name, seconds in told["seconds"].items():
            spent[name] = spent.get(name, 0.0) + seconds
    return spent
