"""A schedule: what the compiler decided for one layer, as plain data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["natural", "sorted"]


@dataclass(frozen=True)
class Schedule:
    """Decisions for a layer with weights.

    Attributes:
        format: name of the strategy, such as "grouped", "pattern" or "compact"; or "linear".
        rows: filters of a group; for "linear" parts that a vector is cut into.
        vectors: vectors of flat positions in a full tile; for "linear" of a block's outputs.
        order: how filters are brought together before grouping.
    """

    format: str
    rows: int
    vectors: int
    order: Order = "natural"

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))
