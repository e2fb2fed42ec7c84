"""One microkernel: a family with its tile, activation and instruction set chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Field:
    """A member of a family's parameter struct."""

    name: str
    type: str
    note: str


@dataclass(frozen=True)
class Advance:
    """A member that moves on with the items of a cut.

    Attributes:
        member: its name.
        by: elements for each item, "rows" for those of the tile, or a member that tells them.
        times: letter of the variant's word whose number multiplies them, as "s" in "s2".
    """

    member: str
    by: int | str = 1
    times: str = ""


@dataclass(frozen=True)
class Cut:
    """Another way to share a step: each thread's parameters describe a part of the layer.

    A thread should read what it has written itself: what another core has written comes slowly.
    So layers on large maps share rows or positions one after another, whatever their units are.

    Attributes:
        count: int member that tells how many items there are, and then how many of the part.
        items: members that move on with each item.
        starts: member that holds cumulative entries, int32 [item] and then the total; empty where
            all items are the same work.
        entries: members that move on with each entry.
        least_row: int or ptrdiff_t member; chosen where rows have many elements. Where a vector
            fits into one, none is written over its end.
        least_items: chosen where there are so many; each then makes its share of the units.
        unless: word of the variant that shares by units all the same.
        most_units: chosen where `begin` and `end` count no more than this, or where the readers
            of the output share channels.
    """

    count: str
    items: tuple[Advance, ...]
    starts: str = ""
    entries: tuple[Advance, ...] = ()
    least_row: str = ""
    least_items: int = 0
    unless: str = ""
    most_units: int = 0


@dataclass(frozen=True)
class Family:
    """A row of the microkernel registry.

    Every microkernel of a family takes (const <struct> *layer, int begin, int end), where begin
    and end count units of work, so that threads can share a layer.

    Attributes:
        name: name of the family, words with underscores.
        unit: what begin and end count.
        fields: members of the parameter struct `punchcard_<name>`.
        balance: member that holds cumulative work, int32 [unit] and then the total: threads take
            shares of even work by it; without one, shares of as many units.
        unit_work: work of a unit beside what that member counts.
        padding: what it makes of the padding of what it reads: "used" needs zeros there, "unused"
            reads none or drops what comes of it, "by taps" is used where a layer's kernels have
            more than one tap or it pads.
        fills_rows: whether it writes all flat positions of its output, zero in pad columns; or
            the word of the variant that does.
        cut: another way to share a step between threads, for small maps.
        tiles: per number of vector registers, the tiles it is made for: (rows, vectors).
    """

    name: str
    unit: str
    fields: tuple[Field, ...]
    tiles: Mapping[int, tuple[tuple[int, int], ...]]
    balance: str = ""
    unit_work: int = 0
    padding: Literal["used", "unused", "by taps"] = "used"
    fills_rows: bool | str = False
    cut: Cut | None = None

    def fills(self, variant: tuple[str, ...]) -> bool:
        """Whether a variant writes zeros in the pad columns of the rows that it writes."""
        return self.fills_rows is True or self.fills_rows in variant

    @property
    def struct(self) -> str:
        """Name of the parameter struct in C."""
        return f"punchcard_{self.name}"


@dataclass(frozen=True)
class Microkernel:
    """Everything its source text depends on.

    Attributes:
        family: name of the family.
        isa: instruction set, as the target names it.
        lanes: f32 lanes of a vector.
        activation: function at the store, or "none".
        tile: (rows, vectors); (1, 1) where the family has no tiles.
        variant: words that select a variant of the family, such as "add" for a fused residual.
    """

    family: str
    isa: str
    lanes: int
    activation: str = "none"
    tile: tuple[int, int] = (1, 1)
    variant: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of its C function, after the grammar of XNNPACK's microkernels."""
        words = ["punchcard_f32", self.family, *self.variant]
        if self.activation != "none":
            words.append(self.activation)
        tile = f"{self.tile[0]}x{self.tile[1] * self.lanes}"
        return f"{'_'.join(words)}_microkernel_{tile}__{self.isa}"

    @property
    def file_name(self) -> str:
        """Name of its source file: the same words with hyphens."""
        return self.name.replace("__", "-").replace("_", "-") + ".c"
