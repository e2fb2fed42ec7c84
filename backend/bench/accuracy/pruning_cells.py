"""The cells of tables that prune a dense start: the start, rows and seeds, latencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.pruning_row import DENSE_START, PruningRow, row_cell
from backend.bench.accuracy.pruning_run import net_of_row, run_row
from backend.bench.accuracy.row_latency import measure_latency
from backend.bench.accuracy.start import known_start, start_digest, train_start
from backend.bench.accuracy.workplace import Workplace
from codegen.targets.registry import host_target


@dataclass(frozen=True)
class Training:
    """Work of a cell that trains the dense start."""

    net: str


@dataclass(frozen=True)
class Latency:
    """Work of a cell that times a row's net beside the dense one."""

    cell: Cell


def pruning_cells(
    place: Workplace, net: str, rows: Sequence[PruningRow], *, timed: Iterable[str] = ()
) -> list[Cell]:
    """All seeds of all rows, seed after seed, so that what is there is even; latencies last.

    Where there is no start yet, training it is the only cell.

    Args:
        place: the workplace.
        net: a net of its profile.
        rows: in the order in which they are printed.
        timed: titles of the rows whose compiled net is timed.
    """
    start = known_start(place, net)
    if start is None:
        facts = {"start recipe": start_digest(place, net)}
        return [Cell(net, DENSE_START, 0, facts, Training(net))]
    cells = []
    for seed in place.profile.seeds:
        # what is not trained is the same for every seed
        listed = [row for row in rows if row.is_trained or seed == place.profile.seeds[0]]
        cells += [row_cell(place, net, start, row, seed) for row in listed]
    first = {cell.row: cell for cell in reversed(cells)}
    return cells + [_latency_cell(first[row]) for row in timed]


def run_pruning_cell(place: Workplace, cell: Cell) -> dict[str, Any]:
    """Compute a cell of `pruning_cells`."""
    work = cell.work
    if isinstance(work, Training):
        trained = train_start(place, work.net)
        return {"start_digest": trained.graph.digest, "epochs": trained.epochs}
    start = known_start(place, cell.net)
    assert start is not None, cell.net
    if isinstance(work, Latency):
        pruned = partial(net_of_row, place, work.cell, start)
        return measure_latency(place, start.graph, pruned)
    return run_row(place, cell, start)


def _latency_cell(cell: Cell) -> Cell:
    facts = {"latency of": cell.key, "target": host_target().full_name}
    return Cell(cell.net, cell.row, cell.seed, facts, Latency(cell))
