"""Runs the cells of accuracy tables that have no result yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.provenance import provenance
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.table import AccuracyTable
from backend.bench.accuracy.workplace import Workplace
from backend.bench.errors import BenchError
from backend.bench.interrupts import interrupts
from backend.bench.journal import Journal
from backend.training.errors import StoppedError
from backend.training.machine import use_one_thread

Planned = Sequence[tuple[AccuracyTable, Cell]]
Wanted = Callable[[Cell], bool]


def chosen_cells(text: str | None, seeds: str | None) -> Wanted:
    """What `--rows` and `--seeds` choose.

    Raises:
        BenchError: `--seeds` holds something else than whole numbers.
    """
    try:
        numbers = None if seeds is None else {int(part) for part in seeds.split(",")}
    except ValueError:
        msg = f"--seeds takes whole numbers with commas between, not {seeds!r}"
        raise BenchError(msg) from None

    def wanted(cell: Cell) -> bool:
        is_row = text is None or text in f"{cell.net}, {cell.row}"
        return is_row and (numbers is None or cell.seed in numbers)

    return wanted


def list_cells(
    tables: Sequence[AccuracyTable], place: Workplace, journal: Journal, wanted: Wanted
) -> Iterator[str]:
    """One line a cell: whether it is done, its key, and what it is."""
    for table, cell in _planned(tables, place, wanted):
        state = "done" if cell.key in journal else "open"
        yield f"{state} {cell.key} {table.name}: {cell.title}"


def finished_rows(
    tables: Sequence[AccuracyTable], place: Workplace, journal: Journal, wanted: Wanted
) -> list[Cell]:
    """The chosen cells that are done and left a net."""
    planned = _planned(tables, place, wanted)
    return [c for _, c in planned if c.key in journal and isinstance(c.work, PruningRow)]


def run_tables(
    tables: Sequence[AccuracyTable],
    place: Workplace,
    journal: Journal,
    wanted: Wanted,
    *,
    minutes: float = 0,
    again: bool = False,
) -> int:
    """Run the cells that the journal does not have, until the time is over.

    A cell that is cut leaves its checkpoint; the next run goes on there. What another process has
    in work is left to it.

    Args:
        tables: in this order.
        place: its deadline is set.
        journal: gets every result when it is there.
        wanted: chooses among the cells.
        minutes: after which a cell in work is cut; 0: no limit.
        again: run also what the journal has.

    Returns:
        Number of cells that are left.
    """
    use_one_thread()
    place.deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    tried: set[str] = set()
    with interrupts(place):
        # cells behind a start that was not there appear when it is
        while True:
            planned = _planned(tables, place, wanted)
            todo = [
                (table, cell)
                for table, cell in planned
                if cell.key not in tried and (again or cell.key not in journal)
            ]
            for number, (table, cell) in enumerate(todo, start=1):
                if place.should_stop():
                    break
                tried.add(cell.key)
                place.say(f"[{number}/{len(todo)}] {table.name}: {cell.title}")
                _run_one(table, cell, place, journal, again=again)
            if not todo or place.should_stop():
                return sum(cell.key not in journal for _, cell in planned)


def _planned(
    tables: Sequence[AccuracyTable], place: Workplace, wanted: Wanted
) -> list[tuple[AccuracyTable, Cell]]:
    """The cells of some tables in the order they are run; one that stands in two is run once."""
    planned: dict[str, tuple[AccuracyTable, Cell]] = {}
    for table in tables:
        for cell in table.cells(place):
            if wanted(cell):
                planned.setdefault(cell.key, (table, cell))
    return list(planned.values())


def _run_one(
    table: AccuracyTable, cell: Cell, place: Workplace, journal: Journal, *, again: bool
) -> None:
    with place.claimed(cell.key) as is_mine:
        if not is_mine:
            place.say(f"{cell.title}: another process is at it")
            return
        journal.reload()
        if cell.key in journal and not again:
            return
        begin = time.monotonic()
        try:
            values = dict(table.run(place, cell))
        except StoppedError as stop:
            place.say(f"{cell.title}: {stop}; the same command goes on there")
            return
        seconds = time.monotonic() - begin
        journal.add(_record(table, cell, values, seconds))
        place.say(f"{cell.title}: {_shown(table, values)}{seconds:.0f} s")


def _record(
    table: AccuracyTable, cell: Cell, values: dict[str, Any], seconds: float
) -> dict[str, Any]:
    return {
        "key": cell.key,
        "table": table.name,
        "net": cell.net,
        "row": cell.row,
        "seed": cell.seed,
        "facts": dict(cell.facts),
        "values": values,
        "seconds": round(seconds, 1),
        **provenance(),
    }


def _shown(table: AccuracyTable, values: dict[str, Any]) -> str:
    return "".join(
        f"{column.title} {column.form.format(column.scale * values[column.key])}, "
        for column in table.columns
        if isinstance(values.get(column.key), int | float)
    )
