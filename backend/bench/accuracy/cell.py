"""One unit of work of an accuracy table: a net, a row and a seed, with all that decides them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backend.bench.errors import BenchError

Fact = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Cell:
    """Some minutes of work whose result is written once.

    Attributes:
        net: of which part of the table it is; a model's name.
        row: line of the table, as it is printed.
        seed: of what is random in it; lines are averaged over seeds.
        facts: everything else that decides the result: scheme, rate, algorithm, digests of recipe,
            start and data. Cells of equal net, seed and facts are one, also between tables.
        work: what the table's `run` needs beside; told by the facts, so it is not in the key.
    """

    net: str
    row: str
    seed: int
    facts: Mapping[str, Fact]
    work: Any = None

    @cached_property
    def key(self) -> str:
        """Twenty digits that tell what the cell computes; the row's title is not in it.

        Raises:
            BenchError: a fact is no plain value.
        """
        for name, fact in self.facts.items():
            if not isinstance(fact, str | int | float | bool | None):
                msg = f"{self.net}, {self.row}: the fact {name!r} is {fact!r}, not a plain value"
                raise BenchError(msg)
        text = json.dumps([self.net, self.seed, dict(self.facts)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def title(self) -> str:
        """What progress calls it."""
        return f"{self.net}, {self.row}, seed {self.seed}"
