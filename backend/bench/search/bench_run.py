"""One run of the bench: where it writes, how long it may take, and its tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.bench.journal import Journal
from backend.bench.search.hypervolume import Reference
from backend.bench.search.plan import Plan
from backend.bench.search.search_task import SearchTask
from codegen.errors import PunchcardError

OpenTask = Callable[[str, str], SearchTask]
"""Net and fidelity to the task."""


@dataclass(eq=False)
class BenchRun:
    """A plan at work.

    Attributes:
        folder: locks of the cells.
        journal: every trial of every run.
        open_task: makes a task when it is first needed.
        floors: accuracy of the reference point by fidelity.
        deadline: of `time.monotonic`.
        say: prints a line of progress.
        is_stopped: set when the user wants it to end.
    """

    plan: Plan
    folder: Path
    journal: Journal
    open_task: OpenTask
    floors: Mapping[str, float]
    deadline: float = float("inf")
    say: Callable[[str], None] = print
    is_stopped: bool = False
    _tasks: dict[tuple[str, str], SearchTask] = field(default_factory=dict)
    _missing: set[tuple[str, str]] = field(default_factory=set)

    def task(self, net: str, fidelity: str) -> SearchTask:
        """A task, made once."""
        key = (net, fidelity)
        if key not in self._tasks:
            self._tasks[key] = self.open_task(net, fidelity)
        return self._tasks[key]

    def can_open(self, net: str, fidelity: str) -> bool:
        """Whether a task has what it needs; what is missing is said once."""
        if (net, fidelity) in self._missing:
            return False
        try:
            self.task(net, fidelity)
        except PunchcardError as error:
            self._missing.add((net, fidelity))
            self.say(f"{net}, {fidelity} is left out: {error}")
            return False
        return True

    def reference(self, net: str, fidelity: str, floor: float | None = None) -> Reference:
        """Where hypervolumes are measured from; another floor where one is given."""
        dense = self.task(net, fidelity).dense
        floor = self.floors[fidelity] if floor is None else floor
        return Reference(dense.latency_ms, floor, dense.accuracy)

    def should_stop(self) -> bool:
        """Whether a run has to end: the user said so, or the time is over."""
        return self.is_stopped or time.monotonic() > self.deadline
