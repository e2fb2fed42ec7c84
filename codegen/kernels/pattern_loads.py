"""Input vectors that the microkernels of pattern layers load: what a set of patterns costs.

Counted as the renderers emit them, which take the taps and columns from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codegen.kernels.pattern_conv import (
    ENTRIES,
    MOST_TABLE_PATTERNS,
    PATTERN_CONV,
    PATTERN_ROWS,
)
from codegen.kernels.pattern_set import SIDE
from codegen.lowering.layout import LINE_FLOATS
from codegen.targets.target import Target


@dataclass(frozen=True)
class PatternLoads:
    """Loads for one input channel, one vector of outputs and all filters of a block.

    Attributes:
        strategy: which microkernel: "pattern", "pattern_rows" or "runs".
        loads: input vectors.
        lines: cache lines they touch on average, since taps beside each other are not aligned.
    """

    strategy: str
    loads: float
    lines: float


def window_taps(masks: Iterable[int]) -> list[int]:
    """Taps that some pattern has: what `conv_pattern` loads of a channel, once for all of them."""
    union = 0
    for mask in masks:
        union |= mask
    return [tap for tap in range(SIDE * SIDE) if union >> tap & 1]


def window_columns(masks: Iterable[int]) -> list[int]:
    """Columns of a kernel that some pattern has: shifts at which `pattern_rows` loads a row."""
    return sorted({tap % SIDE for tap in window_taps(masks)})


def pattern_loads(masks: Sequence[int], target: Target) -> tuple[PatternLoads, ...]:
    """Loads of each microkernel that can take these patterns on a target, fewest first.

    With 32 registers a channel's window is loaded once for all patterns, so it is the union of
    their taps that costs; with 16, or more patterns than the code holds, every pattern that occurs
    loads its own, so it is their number. All patterns of the set are taken to occur in a block.

    Args:
        masks: 9-bit masks of 3x3 kernels.
        target: gives registers and lanes.
    """
    most = max((mask.bit_count() for mask in masks), default=0)
    counted: dict[str, float] = {}
    if most <= ENTRIES and len(masks) <= MOST_TABLE_PATTERNS:
        if target.registers in PATTERN_CONV.tiles:
            counted["pattern"] = len(window_taps(masks))
        if target.registers in PATTERN_ROWS.tiles:
            ((rows, _),) = PATTERN_ROWS.tiles[target.registers]
            counted["pattern_rows"] = len(window_columns(masks)) * (rows + SIDE - 1) / rows
    # kernels with fewer weights are filled up; those with more go by groups, tap by tap
    counted["runs"] = float(sum(max(ENTRIES, mask.bit_count()) for mask in masks))
    each = 1 + target.vector_floats / LINE_FLOATS
    found = (PatternLoads(name, loads, loads * each) for name, loads in counted.items())
    return tuple(sorted(found, key=lambda item: item.loads))


def register_loads(masks: Sequence[int], target: Target) -> float:
    """Loads that a costed extraction counts: of `conv_pattern` where the target has it.

    Strips of rows fit some maps only, and count columns, which are fewer where taps are.
    """
    found = {item.strategy: item.loads for item in pattern_loads(masks, target)}
    return found.get("pattern", found["runs"])
