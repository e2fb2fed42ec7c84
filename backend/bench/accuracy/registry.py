"""The accuracy tables: one file each in `tables`, one line here."""

from __future__ import annotations

from backend.bench.accuracy.table import AccuracyTable
from backend.bench.accuracy.tables.algorithms import ALGORITHMS_TABLE
from backend.bench.accuracy.tables.cifar import CIFAR
from backend.bench.accuracy.tables.library import LIBRARY
from backend.bench.accuracy.tables.mobilenet import MOBILENET
from backend.bench.accuracy.tables.one_shot import ONE_SHOT
from backend.bench.accuracy.tables.recipe import RECIPE
from backend.bench.accuracy.tables.waifu2x import WAIFU2X
from backend.bench.errors import BenchError

TABLES: dict[str, AccuracyTable] = {
    table.name: table
    for table in (RECIPE, CIFAR, LIBRARY, ALGORITHMS_TABLE, ONE_SHOT, MOBILENET, WAIFU2X)
}


def named_tables(names: str) -> tuple[AccuracyTable, ...]:
    """Tables of a comma list, in its order; `all` names every one.

    Raises:
        BenchError: there is no such table.
    """
    found: list[AccuracyTable] = []
    for name in (part.strip() for part in names.split(",")):
        if name == "all":
            found += TABLES.values()
        elif name in TABLES:
            found.append(TABLES[name])
        else:
            msg = f"there is no accuracy table {name!r}: take {', '.join(TABLES)}, or all"
            raise BenchError(msg)
    return tuple(dict.fromkeys(found))
