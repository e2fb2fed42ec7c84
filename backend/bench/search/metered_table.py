"""A table that notes whether anybody has read it: who does pays for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backend.search.problem import Table


class MeteredTable(Mapping[str, Mapping[str, float]]):
    """A damage table in a sampler's hands.

    Attributes:
        is_read: somebody has looked at an entry.
    """

    def __init__(self, table: Table, *, is_read: bool = False) -> None:
        self._table = table
        self.is_read = is_read

    def __getitem__(self, layer: str) -> Mapping[str, float]:
        """A layer's row."""
        self.is_read = True
        return self._table[layer]

    def __iter__(self) -> Iterator[str]:
        """Names of the layers; these alone cost nothing."""
        return iter(self._table)

    def __len__(self) -> int:
        """Number of layers."""
        return len(self._table)
