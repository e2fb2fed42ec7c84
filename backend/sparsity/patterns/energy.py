"""How much of a net's squared weight a pattern set keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.sparsity.patterns.kernels import net_kernels
from backend.sparsity.patterns.pattern_set import PatternSet
from codegen.ir.graph import Graph

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PatternEnergies:
    """What each pattern of a universe keeps of each kernel.

    Attributes:
        universe: the patterns to choose from.
        kept: (kernels, patterns) squared weight of each kernel inside each pattern.
        total: squared weight of all kernels together.
    """

    universe: PatternSet
    kept: FloatArray
    total: float

    @classmethod
    def of(cls, graph: Graph, universe: PatternSet) -> PatternEnergies:
        """Measure a net.

        Raises:
            PlanError: it has no 3x3 convolutions.
        """
        return cls.of_kernels(net_kernels(graph), universe)

    @classmethod
    def of_kernels(cls, kernels: FloatArray, universe: PatternSet) -> PatternEnergies:
        """Measure kernels, (kernels, 9)."""
        squares = kernels.astype(np.float32) ** 2
        kept = squares @ universe.masks.T.astype(np.float32)
        return cls(universe, kept, float(squares.sum(dtype=np.float64)))

    @cached_property
    def index(self) -> dict[int, int]:
        """Column of each pattern."""
        return {pattern: column for column, pattern in enumerate(self.universe.patterns)}

    def share(self, columns: Sequence[int]) -> float:
        """Share of the energy kept when every kernel takes its best of some patterns, 0 to 1."""
        if not len(columns):
            return 0.0
        best = self.kept[:, list(columns)].max(axis=1)
        return float(best.sum(dtype=np.float64)) / self.total

    def share_of(self, patterns: PatternSet) -> float:
        """The same of a set inside the universe."""
        return self.share([self.index[pattern] for pattern in patterns.patterns])

    def chosen(self, patterns: PatternSet) -> dict[int, int]:
        """How many kernels take each pattern of a set as their best, in the set's order.

        The selection rule of the authors' code: the largest norm of the masked kernel.
        """
        columns = [self.index[pattern] for pattern in patterns.patterns]
        best = self.kept[:, columns].argmax(axis=1)
        counts = np.bincount(best, minlength=len(columns))
        return dict(zip(patterns.patterns, counts.tolist(), strict=True))


def best_patterns(energies: PatternEnergies, size: int) -> tuple[int, ...]:
    """Columns of the `size` patterns that greedily keep the most energy, in order of choice.

    The objective is monotone and submodular, so greedy keeps at least 1 - 1/e of what the best
    set would add (Nemhauser, Wolsey, Fisher 1978).
    """
    chosen: list[int] = []
    best = np.zeros(len(energies.kept), dtype=np.float32)
    for _ in range(size):
        gains = np.maximum(energies.kept, best[:, None]).sum(axis=0, dtype=np.float64)
        gains[chosen] = -1.0
        column = int(gains.argmax())
        chosen.append(column)
        best = np.maximum(best, energies.kept[:, column])
    return tuple(chosen)


def energy_patterns(graph: Graph, size: int, energies: PatternEnergies) -> PatternSet:
    """The set that greedily keeps the most energy of a net."""
    columns = best_patterns(energies, size)
    share = energies.share(columns)
    note = f"keeps {100 * share:.1f} % of the squared weights of {graph.name}'s 3x3 kernels"
    return PatternSet(f"energy-{size}", tuple(energies.universe.patterns[c] for c in columns), note)
