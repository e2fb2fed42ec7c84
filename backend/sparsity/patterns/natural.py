"""Natural patterns: the centre and the largest other weights of a kernel, counted over a net.

PatDNN (ASPLOS 2020), section 4.1.
"""

from __future__ import annotations

import numpy as np

from backend.sparsity.patterns.kernels import layer_kernels
from backend.sparsity.patterns.pattern_set import CENTRE, PatternSet
from backend.sparsity.patterns.universe import ENTRIES, universe, universe_size
from codegen.errors import PlanError
from codegen.ir.graph import Graph


def natural_histogram(
    graph: Graph, entries: int = ENTRIES, *, centre: bool = True
) -> dict[int, int]:
    """How many 3x3 kernels of a net have each natural pattern, most frequent first.

    A kernel's natural pattern is its centre and its three largest other magnitudes (or, without
    `centre`, its `entries` largest); kernels of zeros are not counted.
    """
    counts: dict[int, int] = {}
    for _, kernels in layer_kernels(graph):
        magnitudes = np.abs(kernels)
        magnitudes = magnitudes[magnitudes.any(axis=1)]
        if centre:
            magnitudes[:, CENTRE] = np.inf
        top = np.argpartition(-magnitudes, min(entries, 8) - 1, axis=1)[:, :entries]
        found, times = np.unique((1 << top).sum(axis=1), return_counts=True)
        for pattern, count in zip(found.tolist(), times.tolist(), strict=True):
            counts[pattern] = counts.get(pattern, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def natural_patterns(
    graph: Graph,
    size: int = 8,
    name: str | None = None,
    *,
    entries: int = ENTRIES,
    centre: bool = True,
) -> PatternSet:
    """The `size` most frequent natural patterns of a net's 3x3 kernels.

    Raises:
        PlanError: the net has no 3x3 kernels, or there are not so many patterns.
    """
    check_size(size, entries, centre=centre)
    counts = natural_histogram(graph, entries, centre=centre)
    if not counts:
        msg = f"{graph.name!r} has no 3x3 convolutions to take patterns from"
        raise PlanError(msg)
    rest = universe(entries, centre=centre).patterns
    found = list(counts) + [pattern for pattern in rest if pattern not in counts]
    share = sum(list(counts.values())[:size]) / sum(counts.values())
    note = f"most frequent in {graph.name}: {100 * share:.0f} % of its kernels"
    return PatternSet(name or f"natural-{size}", tuple(found[:size]), note)


def check_size(size: int, entries: int = ENTRIES, *, centre: bool = True) -> None:
    """Refuse a number of patterns that the universe does not have.

    Raises:
        PlanError: it is not 1 to the universe's size, or `entries` is not 1 to 9.
    """
    universe(entries, centre=centre)
    most = universe_size(entries, centre=centre)
    if not 1 <= size <= most:
        msg = f"a pattern set has 1 to {most} patterns of {entries} weights, not {size}"
        raise PlanError(msg)


def coverage(graph: Graph, patterns: PatternSet) -> tuple[float, ...]:
    """Share of a net's 3x3 kernels whose natural pattern is each of the set's, 0 to 1."""
    centre = all(pattern >> CENTRE & 1 for pattern in patterns.patterns)
    counts = natural_histogram(graph, patterns.entries, centre=centre)
    total = max(1, sum(counts.values()))
    return tuple(counts.get(pattern, 0) / total for pattern in patterns.patterns)
