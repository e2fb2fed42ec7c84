"""A pattern set that trades kept energy against the loads of the target (ours, not the papers').

The papers fix the library by frequency. Here a set S of k patterns maximises
`energy(S) - mu * loads(S)`: energy is the share of squared weight kept, loads are the input vectors
that the target's microkernel reads of a channel (`codegen.kernels.pattern_loads`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.sparsity.patterns.energy import PatternEnergies, best_patterns
from backend.sparsity.patterns.pattern_set import PatternSet
from codegen.errors import PlanError

Loads = Callable[[Sequence[int]], float]
"""Masks of a set to the loads it costs."""

_LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class CostedSet:
    """One set of the trade.

    Attributes:
        columns: of the universe, ascending.
        energy: share of squared weight kept, 0 to 1.
        loads: input vectors of a channel.
    """

    columns: tuple[int, ...]
    energy: float
    loads: float

    def value(self, mu: float) -> float:
        """The objective."""
        return self.energy - mu * self.loads


@dataclass(frozen=True)
class CurvePoint:
    """The best set found for one price of a load."""

    mu: float
    chosen: CostedSet


def greedy_set(energies: PatternEnergies, size: int, mu: float, loads: Loads) -> CostedSet:
    """Add the pattern that raises the objective most (or lowers it least), `size` times."""
    chosen: list[int] = []
    best = np.zeros(len(energies.kept), dtype=np.float32)
    for _ in range(size):
        kept = np.maximum(energies.kept, best[:, None]).sum(axis=0, dtype=np.float64)
        values = kept / energies.total - mu * _with_each(energies, chosen, loads)
        values[chosen] = -np.inf
        column = int(values.argmax())
        chosen.append(column)
        best = np.maximum(best, energies.kept[:, column])
    return _costed(energies, chosen, loads)


def exchange(energies: PatternEnergies, start: CostedSet, mu: float, loads: Loads) -> CostedSet:
    """Swap one pattern for one outside while that raises the objective; never worse than `start`.

    Each round tries every pair and takes the best; it ends since the objective rises each time.
    """
    current = start
    while True:
        best = current
        for left in current.columns:
            rest = [column for column in current.columns if column != left]
            held = energies.kept[:, rest].max(axis=1) if rest else np.float32(0)
            kept = np.maximum(energies.kept, np.reshape(held, (-1, 1))).sum(
                axis=0, dtype=np.float64
            )
            values = kept / energies.total - mu * _with_each(energies, rest, loads)
            values[list(current.columns)] = -np.inf
            column = int(values.argmax())
            if values[column] > best.value(mu) + _LEAST_GAIN:
                found = _costed(energies, [*rest, column], loads)
                best = found if found.value(mu) > best.value(mu) else best
        if best is current:
            return current
        current = best


def costed_set(energies: PatternEnergies, size: int, mu: float, loads: Loads) -> CostedSet:
    """Greedy, then exchange, from two starts: the costed greedy set and the one of most energy.

    Raises:
        PlanError: the universe has not so many patterns, or mu is negative.
    """
    _check(energies, size, (mu,))
    starts = (
        greedy_set(energies, size, mu, loads),
        _costed(energies, list(best_patterns(energies, size)), loads),
    )
    found = [exchange(energies, start, mu, loads) for start in starts]
    return max(found, key=lambda item: item.value(mu))


def trade_curve(
    energies: PatternEnergies, size: int, mus: Sequence[float], loads: Loads
) -> tuple[CurvePoint, ...]:
    """The best set for each price, ascending in mu; loads and energy never rise along it.

    Every set found for some price stands for election at all of them, which makes the curve
    monotone whatever the exchange missed.

    Raises:
        PlanError: the universe has not so many patterns, or a mu is negative.
    """
    _check(energies, size, mus)
    ascending = sorted(set(mus))
    pool = [costed_set(energies, size, mu, loads) for mu in ascending]
    return tuple(CurvePoint(mu, _elect(pool, mu)) for mu in ascending)


def _elect(pool: Sequence[CostedSet], mu: float) -> CostedSet:
    return max(pool, key=lambda item: (item.value(mu), -item.loads))


def costed_patterns(energies: PatternEnergies, found: CostedSet, note: str) -> PatternSet:
    """The set as patterns, those that most kernels choose first."""
    patterns = tuple(energies.universe.patterns[column] for column in found.columns)
    counts = energies.chosen(PatternSet("chosen", patterns))
    ordered = sorted(patterns, key=lambda pattern: (-counts[pattern], pattern))
    return PatternSet(f"costed-{len(patterns)}", tuple(ordered), note)


def _with_each(energies: PatternEnergies, chosen: Sequence[int], loads: Loads) -> np.ndarray:
    """Loads of the chosen patterns and one more, for each pattern of the universe."""
    patterns = energies.universe.patterns
    held = [patterns[column] for column in chosen]
    return np.array([loads([*held, pattern]) for pattern in patterns])


def _costed(energies: PatternEnergies, columns: Sequence[int], loads: Loads) -> CostedSet:
    chosen = tuple(sorted(columns))
    masks = [energies.universe.patterns[column] for column in chosen]
    return CostedSet(chosen, energies.share(chosen), loads(masks))


def _check(energies: PatternEnergies, size: int, mus: Sequence[float]) -> None:
    most = len(energies.universe.patterns)
    if not 1 <= size <= most:
        msg = f"a set out of {most} patterns has 1 to {most}, not {size}"
        raise PlanError(msg)
    if not all(mu >= 0 for mu in mus):
        msg = "the price of a load, mu, cannot be negative"
        raise PlanError(msg)
