"""All patterns of a size: what libraries are drawn from."""

from __future__ import annotations

from itertools import combinations
from math import comb

from backend.sparsity.patterns.pattern_set import CENTRE, POSITIONS, PatternSet
from codegen.errors import PlanError

ENTRIES = 4
"""Weights of a kernel that the papers keep."""


def universe(entries: int = ENTRIES, *, centre: bool = True) -> PatternSet:
    """All patterns that keep `entries` of 9 weights, the centre always or not.

    PatDNN and Ma et al. take 4 entries with the centre: C(8, 3) = 56 patterns.

    Args:
        entries: weights that stay, 1 to 9.
        centre: whether every pattern keeps the centre; False takes all C(9, entries).

    Raises:
        PlanError: `entries` is not 1 to 9.
    """
    if not 1 <= entries <= POSITIONS:
        msg = f"a pattern keeps 1 to {POSITIONS} weights, not {entries}"
        raise PlanError(msg)
    if centre:
        others = [k for k in range(POSITIONS) if k != CENTRE]
        chosen = [(CENTRE, *rest) for rest in combinations(others, entries - 1)]
    else:
        chosen = list(combinations(range(POSITIONS), entries))
    patterns = tuple(sum(1 << k for k in positions) for positions in chosen)
    kind = "with the centre" if centre else "with or without the centre"
    name = f"{'centre' if centre else 'any'}-{entries}-of-{POSITIONS}"
    if centre and entries == ENTRIES:
        name = f"universe-{len(patterns)}"
    return PatternSet(name, patterns, f"all patterns of {entries} weights {kind}")


def universe_size(entries: int, *, centre: bool) -> int:
    """Number of patterns of `universe(entries, centre=centre)`."""
    return comb(POSITIONS - 1, entries - 1) if centre else comb(POSITIONS, entries)


UNIVERSE: tuple[int, ...] = universe().patterns
"""All 56 patterns of the centre and three others."""
