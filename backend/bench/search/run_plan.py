"""Runs what a plan has left, cell by cell, beside other processes that do the same."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from backend.bench.claim import claimed
from backend.bench.errors import BenchError
from backend.bench.interrupts import interrupts
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.planned_cells import PlannedCell, planned_cells
from backend.bench.search.run_cell import run_cell
from backend.bench.search.run_record import steps_of
from backend.training.machine import use_one_thread

_WAIT_S = 5.0


def list_cells(run: BenchRun) -> Iterator[str]:
    """One line a cell: evaluations that are there, asked for, and what it is."""
    for one in planned_cells(run):
        done = len(steps_of(one.cell, run.journal))
        state = "done" if done >= one.count else "open"
        kind = "pilot: " if one.is_pilot else ""
        yield f"{state} {done:3d}/{one.count:3d} {one.cell.key} {kind}{one.cell.title}"


def run_plan(run: BenchRun, *, minutes: float = 0, samplers: Collection[str] | None = None) -> int:
    """Run the cells that lack evaluations, until the time is over.

    A cell that another process has in work is left to it; where nothing else is left, its end is
    waited for, since cells may follow from it.

    Args:
        run: the bench; its deadline is set.
        minutes: after which a run is cut; 0: no limit.
        samplers: whose runs are done now; None: all.

    Returns:
        Number of cells that are left.

    Raises:
        BenchError: there is no such sampler.
    """
    unknown = sorted(set(samplers or ()) - set(run.plan.samplers))
    if unknown:
        known = ", ".join(run.plan.samplers)
        msg = f"there is no sampler {unknown[0]!r} in this comparison: take some of {known}"
        raise BenchError(msg)
    use_one_thread()
    run.deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    with interrupts(run):
        while True:
            run.journal.reload()
            left = [one for one in _left(run) if _is_wanted(one, samplers)]
            if not left or run.should_stop():
                return len(left)
            if not any(_run_one(run, one) for one in left):
                time.sleep(_WAIT_S)


def _is_wanted(one: PlannedCell, samplers: Collection[str] | None) -> bool:
    return samplers is None or one.cell.work.sampler in samplers


def _left(run: BenchRun) -> list[PlannedCell]:
    planned = planned_cells(run)
    return [one for one in planned if len(steps_of(one.cell, run.journal)) < one.count]


def _run_one(run: BenchRun, one: PlannedCell) -> bool:
    """Run a cell unless another process has it; whether it was run."""
    if run.should_stop():
        return False
    with claimed(run.folder / f"{one.cell.key}.lock") as is_mine:
        if not is_mine:
            return False
        run.journal.reload()
        before = len(steps_of(one.cell, run.journal))
        if before >= one.count:
            return True
        begin = time.monotonic()
        done = run_cell(
            run.task(one.net, one.fidelity),
            one.cell,
            one.count,
            run.journal,
            should_stop=run.should_stop,
        )
        seconds = time.monotonic() - begin
        run.say(f"{one.cell.title}: {before} to {done} of {one.count}, {seconds:.0f} s")
        return True
