"""Kernel patterns: which 4 of a 3x3 kernel's 9 weights stay.

Papers: PatDNN (ASPLOS 2020, section 4.1: natural patterns and the library), Ma et al. (ECCV 2020:
the four sub-convolutional patterns).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from codegen.errors import PlanError
from codegen.ir.graph import Graph

PRESETS_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "patterns"
POSITIONS, CENTRE, ENTRIES = 9, 4, 4
BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PatternSet:
    """An ordered set of patterns.

    Attributes:
        name: what plans call it.
        patterns: 9-bit masks; bit k is position k of the kernel, row by row from the top left.
        note: where it comes from, in a few words.
    """

    name: str
    patterns: tuple[int, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.patterns:
            msg = f"the pattern set {self.name!r} is empty"
            raise PlanError(msg)
        for pattern in self.patterns:
            if not 0 < pattern < 1 << POSITIONS or pattern.bit_count() != ENTRIES:
                msg = (
                    f"the pattern {pattern_text(pattern)} of {self.name!r} does not keep "
                    f"{ENTRIES} of the {POSITIONS} positions"
                )
                raise PlanError(msg)
        if len(set(self.patterns)) != len(self.patterns):
            msg = f"the pattern set {self.name!r} holds a pattern twice"
            raise PlanError(msg)

    @cached_property
    def masks(self) -> BoolArray:
        """The patterns as (patterns, 9)."""
        bits = np.array(self.patterns)[:, None] >> np.arange(POSITIONS)
        return (bits & 1).astype(bool)

    def to_json(self) -> str:
        """A JSON text with each pattern as nine digits."""
        texts = [pattern_text(pattern) for pattern in self.patterns]
        return json.dumps({"name": self.name, "note": self.note, "patterns": texts}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> PatternSet:
        """Read what `to_json` wrote.

        Raises:
            PlanError: the text is not a pattern set.
        """
        try:
            item = json.loads(text)
            patterns = tuple(parse_pattern(pattern) for pattern in item["patterns"])
            return cls(str(item["name"]), patterns, str(item.get("note", "")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"this is not a pattern set: {error}"
            raise PlanError(msg) from None


def pattern_text(pattern: int) -> str:
    """Nine digits, row by row: 1 where a weight stays."""
    return "".join(str(pattern >> k & 1) for k in range(POSITIONS))


def parse_pattern(text: str) -> int:
    """Read nine digits of 0 and 1.

    Raises:
        ValueError: the text is something else.
    """
    if len(text) != POSITIONS or set(text) - {"0", "1"}:
        msg = f"a pattern is nine digits of 0 and 1, not {text!r}"
        raise ValueError(msg)
    return sum(1 << k for k, digit in enumerate(text) if digit == "1")


def _with_centre(others: tuple[int, ...]) -> int:
    return 1 << CENTRE | sum(1 << k for k in others)


UNIVERSE: tuple[int, ...] = tuple(
    _with_centre(others)
    for others in combinations([k for k in range(POSITIONS) if k != CENTRE], ENTRIES - 1)
)
"""All 56 patterns of the centre and three others."""

SCPS = PatternSet(
    "scp-4",
    # the cross around the centre without its upper, left, right and lower arm
    tuple(_with_centre(others) for others in ((3, 5, 7), (1, 5, 7), (1, 3, 7), (1, 3, 5))),
    "the four sub-convolutional patterns of Ma et al., ECCV 2020",
)


def natural_histogram(graph: Graph) -> dict[int, int]:
    """How many 3x3 kernels of a net have each natural pattern, most frequent first.

    A kernel's natural pattern is its centre and its three largest other magnitudes; kernels of
    zeros are not counted.
    """
    counts: dict[int, int] = {}
    for kernels in _kernels(graph):
        magnitudes = np.abs(kernels)
        magnitudes = magnitudes[magnitudes.any(axis=1)]
        magnitudes[:, CENTRE] = np.inf
        top = np.argpartition(-magnitudes, ENTRIES - 1, axis=1)[:, :ENTRIES]
        found, times = np.unique((1 << top).sum(axis=1), return_counts=True)
        for pattern, count in zip(found.tolist(), times.tolist(), strict=True):
            counts[pattern] = counts.get(pattern, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def natural_patterns(graph: Graph, size: int = 8, name: str | None = None) -> PatternSet:
    """The `size` most frequent natural patterns of a net's 3x3 kernels.

    Raises:
        PlanError: the net has no 3x3 kernels, or `size` is not 1 to 56.
    """
    if not 1 <= size <= len(UNIVERSE):
        msg = f"a pattern set has 1 to {len(UNIVERSE)} patterns, not {size}"
        raise PlanError(msg)
    counts = natural_histogram(graph)
    if not counts:
        msg = f"{graph.name!r} has no 3x3 convolutions to take patterns from"
        raise PlanError(msg)
    found = list(counts) + [pattern for pattern in UNIVERSE if pattern not in counts]
    share = sum(list(counts.values())[:size]) / sum(counts.values())
    note = f"most frequent in {graph.name}: {100 * share:.0f} % of its kernels"
    return PatternSet(name or f"natural-{size}", tuple(found[:size]), note)


def coverage(graph: Graph, patterns: PatternSet) -> tuple[float, ...]:
    """Share of a net's 3x3 kernels whose natural pattern is each of the set's, 0 to 1."""
    counts = natural_histogram(graph)
    total = max(1, sum(counts.values()))
    return tuple(counts.get(pattern, 0) / total for pattern in patterns.patterns)


def preset_patterns() -> dict[str, PatternSet]:
    """The shipped pattern sets by name."""
    presets = {SCPS.name: SCPS}
    for path in sorted(PRESETS_FOLDER.glob("*.json")):
        pattern_set = PatternSet.from_json(path.read_text(encoding="utf-8"))
        presets[pattern_set.name] = pattern_set
    return presets


def _kernels(graph: Graph) -> Iterator[npt.NDArray[np.float32]]:
    for node in graph.nodes:
        weight = graph.weight(node, "weight") if node.op == "conv" else None
        if weight is not None and weight.values.shape[2:] == (3, 3):
            yield weight.values.reshape(-1, POSITIONS)
