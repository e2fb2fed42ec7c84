"""An ordered set of 3x3 kernel patterns, and its JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from codegen.errors import PlanError

POSITIONS, CENTRE = 9, 4
MOST_PATTERNS = 126
"""As many as there are masks of 4 or 5 of 9 positions, the largest universe of one size."""

FILE_VERSION = 1
_FORMAT = "punchcard-patterns"
_MOST_BYTES = 100_000

BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PatternSet:
    """An ordered set of patterns that keep equally many weights, so that rates are exact.

    Attributes:
        name: what plans call it.
        patterns: 9-bit masks; bit k is position k of the kernel, row by row from the top left.
        note: where it comes from, in a few words.

    Raises:
        PlanError: there is no pattern, one is no mask of a 3x3 kernel, one stands twice, or they
            keep different numbers of weights.
    """

    name: str
    patterns: tuple[int, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.patterns:
            msg = f"the pattern set {self.name!r} is empty: a set holds at least one pattern"
            raise PlanError(msg)
        first: dict[int, int] = {}
        for number, pattern in enumerate(self.patterns, 1):
            where = f"pattern {number} of {self.name!r}"
            if not 0 <= pattern < 1 << POSITIONS:
                msg = f"{where} has more than {POSITIONS} bits: a kernel has {POSITIONS} positions"
                raise PlanError(msg)
            if pattern == 0:
                msg = f"{where} keeps no weight: punch at least one position"
                raise PlanError(msg)
            if pattern in first:
                msg = f"{where} is the same as pattern {first[pattern]}: leave one of them out"
                raise PlanError(msg)
            if pattern.bit_count() != self.patterns[0].bit_count():
                msg = (
                    f"{where} keeps {pattern.bit_count()} weights and pattern 1 keeps "
                    f"{self.patterns[0].bit_count()}: all of a set keep equally many"
                )
                raise PlanError(msg)
            first[pattern] = number

    @property
    def entries(self) -> int:
        """Weights that each pattern keeps, 1 to 9."""
        return self.patterns[0].bit_count()

    @property
    def rate(self) -> float:
        """Dense weights divided by kept ones where every kernel has a pattern: 2.25 for 4 of 9."""
        return POSITIONS / self.entries

    @cached_property
    def masks(self) -> BoolArray:
        """The patterns as (patterns, 9)."""
        bits = np.array(self.patterns)[:, None] >> np.arange(POSITIONS)
        return (bits & 1).astype(bool)

    def to_json(self) -> str:
        """The text of a pattern file: each pattern is nine digits."""
        return json.dumps(
            {
                "format": _FORMAT,
                "version": FILE_VERSION,
                "name": self.name,
                "note": self.note,
                "patterns": [pattern_text(pattern) for pattern in self.patterns],
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> PatternSet:
        """Read a pattern file; patterns may also be lists of nine zeros and ones.

        Files of before there were versions are read too.

        Raises:
            PlanError: the text is not a pattern set; the message is one sentence.
        """
        if len(text) > _MOST_BYTES:
            msg = f"this pattern file is larger than {_MOST_BYTES // 1000} kB: a set has few lines"
            raise PlanError(msg)
        try:
            item = json.loads(text)
        except (ValueError, RecursionError):
            msg = "this is not a pattern set: it is no JSON; take a file that Punchcard exported"
            raise PlanError(msg) from None
        return _checked(item)


def _checked(item: Any) -> PatternSet:
    problem = None
    if not isinstance(item, dict) or not isinstance(item.get("patterns"), list):
        problem = 'it has no list "patterns"; take a file that Punchcard exported'
    elif item.get("format", _FORMAT) != _FORMAT:
        problem = f'its "format" is {item["format"]!r}, not {_FORMAT!r}'
    elif item.get("version", FILE_VERSION) != FILE_VERSION:
        problem = (
            f"its version is {item['version']!r} and this Punchcard reads {FILE_VERSION}: "
            "update Punchcard or export it again"
        )
    elif not isinstance(item.get("name"), str) or not item["name"]:
        problem = 'it has no "name"'
    elif len(item["patterns"]) > MOST_PATTERNS:
        problem = f"it has {len(item['patterns'])} patterns, at most {MOST_PATTERNS} are possible"
    if problem is not None:
        msg = f"this is not a pattern set: {problem}"
        raise PlanError(msg)
    try:
        patterns = tuple(
            _pattern_of(pattern, number) for number, pattern in enumerate(item["patterns"], 1)
        )
    except ValueError as error:
        msg = f"this is not a pattern set: {error}"
        raise PlanError(msg) from None
    return PatternSet(item["name"], patterns, str(item.get("note", "")))


def _pattern_of(cells: object, number: int) -> int:
    if isinstance(cells, list) and all(type(cell) is int for cell in cells):
        cells = "".join(map(str, cells))
    if not isinstance(cells, str):
        msg = f"pattern {number} is neither nine digits nor a list of nine zeros and ones"
        raise ValueError(msg)
    try:
        return parse_pattern(cells)
    except ValueError as error:
        msg = f"pattern {number}: {error}"
        raise ValueError(msg) from None


def pattern_text(pattern: int) -> str:
    """Nine digits, row by row: 1 where a weight stays."""
    return "".join(str(pattern >> k & 1) for k in range(POSITIONS))


def parse_pattern(text: str) -> int:
    """Read nine digits of 0 and 1; slashes between rows are allowed.

    Raises:
        ValueError: the text is something else.
    """
    digits = text.replace("/", "")
    if len(digits) != POSITIONS or set(digits) - {"0", "1"}:
        msg = f"a pattern is nine digits of 0 and 1, not {text[:40]!r}"
        raise ValueError(msg)
    return sum(1 << k for k, digit in enumerate(digits) if digit == "1")
