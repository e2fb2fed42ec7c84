"""What an accuracy table is: cells to compute, columns to print, notes drawn from the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.bench.accuracy.cell import Cell
    from backend.bench.accuracy.section import Section
    from backend.bench.accuracy.workplace import Workplace

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A number of every line.

    Attributes:
        title: its head.
        key: of a cell's values; cells without it do not count.
        form: of one number.
        scale: what numbers are multiplied by before they are printed.
        is_paired: whether the difference to the baseline follows, seed by seed.
    """

    title: str
    key: str
    form: str = "{:.2f}"
    scale: float = 1.0
    is_paired: bool = False


def percent(title: str, key: str, *, is_paired: bool = False) -> Column:
    """A share, printed in percent."""
    return Column(title, key, "{:.2f}", 100.0, is_paired)


@dataclass(frozen=True, kw_only=True, eq=False)
class AccuracyTable:
    """One table of `punchcard bench accuracy`.

    Attributes:
        name: what `--table` calls it.
        title: heading in the docs.
        columns: in their order, after the line's title.
        cells: all cells in the order they are run; rows and nets are printed in this order too. It
            may need the data and the starts of the workplace, and must not train.
        run: computes one cell; the values are JSON-able and hold the columns' keys. It asks
            `workplace.should_stop` now and then and ends with `StoppedError` when told to.
        baseline: row that paired differences are taken to.
        notes: sentences that head a section, computed from it.
        needs_data: whether `--data` must be given.
    """

    name: str
    title: str
    columns: Sequence[Column]
    cells: Callable[[Workplace], Sequence[Cell]]
    run: Callable[[Workplace, Cell], Values]
    baseline: str | None = None
    notes: Callable[[Section], Sequence[str]] = lambda _: ()
    needs_data: bool = True
