"""A net's patterns counted, extracted and costed, and the derivation of the SCPs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from backend.services.models import open_model
from backend.services.pattern_views import (
    CensusEntry,
    Kernel,
    LoadCount,
    NamedKernel,
    ScpView,
    TradePoint,
)
from backend.services.patterns import cells_of, mask_of
from backend.services.views import PatternSetView
from backend.sparsity.patterns import SCPS, PatternSet, natural_patterns, universe
from backend.sparsity.patterns.census import census
from backend.sparsity.patterns.costed import costed_patterns, costed_set, trade_curve
from backend.sparsity.patterns.energy import PatternEnergies, energy_patterns
from backend.sparsity.patterns.natural import check_size
from backend.sparsity.patterns.scp import (
    ELOG,
    LOG_FIRST,
    LOG_SECOND,
    cropped_convolution,
    interpolate,
    laplacian_of_gaussian,
    mean_mask,
)
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.kernels.pattern_loads import pattern_loads, register_loads
from codegen.targets.registry import TARGETS, host_target, load_target

METHODS = ("natural", "energy", "cost")
"""By frequency as in PatDNN; by kept energy; by kept energy less what loads of the target cost."""

MUS = (0.0, *(round(0.002 * 1.6**k, 4) for k in range(10)))
"""Prices of a load that a curve tries: shares of the squared weight."""

DEFAULT_MU = 0.004


def pattern_targets() -> tuple[str, ...]:
    """Targets that a costed extraction may have, this computer's first."""
    host = host_target().name
    return (host, *sorted(name for name in TARGETS if name != host))


def study_patterns(
    model: str, data: str = "sample", *, entries: int = 4, centre: bool = True
) -> tuple[CensusEntry, ...]:
    """Count a model's natural patterns: one entry a pattern of the universe.

    Raises:
        GraphError: there is no such model.
        PlanError: it has no 3x3 convolutions, or `entries` is not 1 to 9.
    """
    return _census_of(_Keyed(open_model(model, data)), entries, centre)


def extract_patterns(
    model: str,
    size: int,
    method: str = "natural",
    *,
    data: str = "sample",
    target: str | None = None,
    mu: float = DEFAULT_MU,
    entries: int = 4,
    centre: bool = True,
) -> PatternSetView:
    """Take a pattern set from a model's weights; `coverage` holds the share that chooses each.

    Args:
        model: a base model or an uploaded one.
        size: number of patterns.
        method: one of `METHODS`.
        data: whose weights a base model has.
        target: of a costed extraction; this computer's when not given.
        mu: what one load is worth, as a share of the squared weight.
        entries: weights of a pattern.
        centre: whether every pattern keeps the centre.

    Raises:
        GraphError: there is no such model.
        PlanError: it has no 3x3 convolutions, or size, method, mu or entries are impossible.
        ToolchainError: there is no such target.
    """
    check_method(method)
    check_size(size, entries, centre=centre)
    return extracted(open_model(model, data), size, method, target, mu, entries, centre=centre)


def check_method(method: str) -> None:
    """Refuse a method that there is not.

    Raises:
        PlanError: it is none of `METHODS`.
    """
    if method not in METHODS:
        msg = f"patterns are extracted by {', '.join(METHODS)}, not by {ascii(method[:40])}"
        raise PlanError(msg)


def extracted(
    graph: Graph,
    size: int,
    method: str,
    target: str | None,
    mu: float,
    entries: int,
    *,
    centre: bool,
) -> PatternSetView:
    """The same of a graph that is open."""
    energies = PatternEnergies.of(graph, universe(entries, centre=centre))
    if method == "natural":
        found = natural_patterns(graph, size, entries=entries, centre=centre)
    elif method == "energy":
        found = energy_patterns(graph, size, energies)
    else:
        chip = host_target() if target is None else load_target(target)
        best = costed_set(energies, size, mu, _loads_on(chip.name))
        note = (
            f"of {graph.name} for {chip.name}, mu {mu:g}: keeps {100 * best.energy:.1f} % of the "
            f"squared weights with {best.loads:g} loads a channel"
        )
        found = costed_patterns(energies, best, note)
    counts = energies.chosen(found)
    total = max(1, sum(counts.values()))
    return PatternSetView(
        name=found.name,
        patterns=tuple(cells_of(pattern) for pattern in found.patterns),
        preset=False,
        note=found.note,
        coverage=tuple(count / total for count in counts.values()),
    )


def trade_patterns(
    model: str, size: int, target: str, data: str = "sample"
) -> tuple[TradePoint, ...]:
    """The best sets of a size for rising prices of a load on a target; equal ones once.

    Raises:
        GraphError: there is no such model.
        PlanError: it has no 3x3 convolutions, or the size is impossible.
        ToolchainError: there is no such target.
    """
    return _trade_of(_Keyed(open_model(model, data)), size, target)


def count_loads(patterns: Sequence[Sequence[int]], target: str) -> tuple[LoadCount, ...]:
    """Loads of a set on a target, by microkernel, fewest first.

    Raises:
        ToolchainError: there is no such target.
    """
    masks = [mask_of(cells) for cells in patterns]
    return tuple(
        LoadCount(strategy=item.strategy, loads=item.loads, lines=item.lines)
        for item in pattern_loads(masks, load_target(target))
    )


def scp_derivation(p: float = 0.75, n: int = 8, sigma: float = 0.5) -> ScpView:
    """The derivation of the SCPs as the paper states it, and what we compute beside it.

    Raises:
        PlanError: p is not between 0 and 1, n below 1, or sigma not positive.
    """
    found = interpolate(p, n)
    pairs = (
        ("LoG 1 with itself", LOG_FIRST, LOG_FIRST),
        ("LoG 1 with LoG 2", LOG_FIRST, LOG_SECOND),
        ("LoG 2 with itself", LOG_SECOND, LOG_SECOND),
    )
    paper, ours = "as the paper states it", "computed here"
    return ScpView(
        given=(
            _named("LoG 1", paper, LOG_FIRST),
            _named("LoG 2", paper, LOG_SECOND),
            _named("ELoG", paper, ELOG),
        ),
        masks=(
            *(
                _named(f"SCP {number}", paper, mask.reshape(3, 3))
                for number, mask in enumerate(SCPS.masks, 1)
            ),
            _named("mean of the four", ours, mean_mask(SCPS)),
        ),
        log=_named(f"LoG, sigma {sigma:g}", ours, laplacian_of_gaussian(sigma)),
        interpolated=_named(f"p = {p:g}, n = {n}", ours, found.kernel),
        convolutions=tuple(
            _named(title, ours, cropped_convolution(first, second))
            for title, first, second in pairs
        ),
        centre=found.centre,
        error=found.error,
        exact_n=found.exact_n,
    )


def _named(title: str, source: str, kernel: np.ndarray) -> NamedKernel:
    cells: Kernel = tuple(tuple(float(value) for value in row) for row in kernel)
    return NamedKernel(title=title, source=source, cells=cells)


@lru_cache(maxsize=256)
def _loads_on(target: str) -> Callable[[Sequence[int]], float]:
    chip = load_target(target)
    remembered = lru_cache(maxsize=100_000)(lambda masks: register_loads(masks, chip))
    return lambda masks: remembered(tuple(sorted(masks)))


@lru_cache(maxsize=32)
def _census_of(graph: _Keyed, entries: int, centre: bool) -> tuple[CensusEntry, ...]:
    return tuple(
        CensusEntry(
            cells=cells_of(row.pattern),
            count=row.count,
            share=row.share,
            covered=row.covered,
            energy=row.energy,
        )
        for row in census(graph.graph, entries, centre=centre)
    )


@lru_cache(maxsize=32)
def _trade_of(graph: _Keyed, size: int, target: str) -> tuple[TradePoint, ...]:
    energies = PatternEnergies.of(graph.graph, universe())
    points: dict[tuple[int, ...], TradePoint] = {}
    for point in trade_curve(energies, size, MUS, _loads_on(target)):
        found: PatternSet = costed_patterns(energies, point.chosen, "")
        points.setdefault(
            point.chosen.columns,
            TradePoint(
                mu=point.mu,
                energy=point.chosen.energy,
                loads=point.chosen.loads,
                patterns=tuple(cells_of(pattern) for pattern in found.patterns),
            ),
        )
    return tuple(points.values())


class _Keyed:
    """A graph that is equal to any of the same digest, so that results are remembered by it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._digest = graph.digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)
