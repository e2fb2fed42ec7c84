"""The results of one net in one table, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.statistics import Mean, mean_of, paired_difference
from backend.bench.journal import Journal


@dataclass(frozen=True, eq=False)
class Line:
    """One row of a section.

    Attributes:
        title: of the row.
        records: results that are there, as the journal has them.
        asked: number of cells the row has.
        seeds: number of seeds it is asked for.
    """

    title: str
    records: Sequence[Mapping[str, Any]]
    asked: int
    seeds: int = 1

    def numbers(self, key: str) -> dict[int, float]:
        """A value by seed, of the cells that have it."""
        return {
            record["seed"]: float(record["values"][key])
            for record in self.records
            if record["values"].get(key) is not None
        }

    @property
    def is_whole(self) -> bool:
        """Whether every cell of the row is there."""
        return len(self.records) == self.asked


@dataclass(frozen=True, eq=False)
class Section:
    """All rows of one net.

    Attributes:
        net: its name.
        lines: by title, in the table's order.
        baseline: title of the row that differences are taken to; None: none are.
    """

    net: str
    lines: Mapping[str, Line]
    baseline: str | None

    def mean(self, row: str, key: str) -> Mean | None:
        """Mean of a value over the row's seeds; None where there is none."""
        line = self.lines.get(row)
        return None if line is None else mean_of(line.numbers(key))

    def difference(self, row: str, key: str) -> Mean | None:
        """Mean difference to the baseline row, seed by seed."""
        line, base = self.lines.get(row), self.lines.get(self.baseline or "")
        if line is None or base is None or line is base:
            return None
        ours, theirs = line.numbers(key), base.numbers(key)
        if len(ours) < line.seeds or len(theirs) < base.seeds:
            # a row in the making: one seed that is there stands for no other
            shared = ours.keys() & theirs.keys()
            ours = {seed: ours[seed] for seed in shared}
            theirs = {seed: theirs[seed] for seed in shared}
        return paired_difference(ours, theirs)


def sections(cells: Iterable[Cell], journal: Journal, baseline: str | None) -> list[Section]:
    """What the journal has of a table's cells, net by net; rows without any result are left out."""
    grouped: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        grouped.setdefault(cell.net, {}).setdefault(cell.row, []).append(cell)
    found = []
    for net, rows in grouped.items():
        lines = {}
        for row, members in rows.items():
            records = [journal.records[c.key] for c in members if c.key in journal]
            if records:
                lines[row] = Line(row, records, len(members), len({c.seed for c in members}))
        if lines:
            found.append(Section(net, lines, baseline))
    return found
