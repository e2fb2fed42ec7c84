"""Ridge regression of layer times on choices and neighbours, extended sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backend.latency.layer_sample import LayerSample
from backend.latency.traits import Column, Traits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RIDGE = 1.0
ENTRY_PULL = 2.0
"""Samples' worth of trust in the regression where an entry of the table says otherwise."""
_LARGEST_LOG = 3.0
_ALL: Column = ("all",)


@dataclass(frozen=True)
class LayerLaw:
    """What the samples say: factors on the guess, as logarithms.

    Attributes:
        weights: by column.
        entries: (signature, label) to what its samples say beyond the columns.
    """

    weights: Mapping[Column, float] = field(default_factory=dict)
    entries: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def own(self, signature: str, label: str, traits: Traits) -> float:
        """Logarithm of a choice's time over its guess, neighbours aside."""
        found = self.weights.get(_ALL, 0.0) + self.effect(traits)
        return found + self.entries.get((signature, label), 0.0)

    def effect(self, traits: Traits) -> float:
        """Logarithm of the factor that some columns stand for, at most a factor of 20."""
        found = sum(self.weights.get(column, 0.0) * value for column, value in traits)
        return max(-_LARGEST_LOG, min(_LARGEST_LOG, found))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Samples as sparse rows: `columns` and `values` lie one row behind the other."""

    columns: IntArray
    values: FloatArray
    starts: IntArray
    logs: FloatArray
    weights: FloatArray
    entries: tuple[tuple[str, str], ...]

    def gram(self, size: int) -> tuple[FloatArray, FloatArray]:
        """Weighted normal matrix and right-hand side."""
        root = np.sqrt(self.weights)
        matrix = np.zeros((len(self.logs), size))
        lengths = np.diff([*self.starts, len(self.columns)])
        rows = np.repeat(np.arange(len(self.logs)), lengths)
        matrix[rows, self.columns] = self.values * root[rows]
        return matrix.T @ matrix, matrix.T @ (root * self.logs)

    def rest(self, solved: FloatArray) -> FloatArray:
        """What the columns leave of each row."""
        explained = np.add.reduceat(solved[self.columns] * self.values, self.starts)
        rest: FloatArray = self.logs - explained
        return rest


class LayerFit:
    """Sums that the law follows from; `extended` leaves the old ones as they were.

    The logarithm of measured over guessed time is regressed on the traits of choice and neighbours.
    A sample weighs what its layer takes of a net, since errors of long layers count most.

    Args:
        unit_ms: time of a layer that weighs 1.
    """

    def __init__(self, unit_ms: float) -> None:
        self._unit_ms = unit_ms
        self._columns: dict[Column, int] = {_ALL: 0}
        self._gram: FloatArray = np.zeros((1, 1))
        self._moment: FloatArray = np.zeros(1)
        self._parts: tuple[_Rows, ...] = ()

    @property
    def count(self) -> int:
        """Samples so far."""
        return sum(len(part.logs) for part in self._parts)

    def extended(self, samples: Iterable[LayerSample]) -> LayerFit:
        """The sums over these samples as well."""
        added = tuple(samples)
        if not added:
            return self
        fit = LayerFit(self._unit_ms)
        fit._columns = dict(self._columns)
        rows = fit._rows(added)
        fit._parts = (*self._parts, rows)
        fit._gram, fit._moment = rows.gram(len(fit._columns))
        before = len(self._moment)
        fit._gram[:before, :before] += self._gram
        fit._moment[:before] += self._moment
        return fit

    def law(self) -> LayerLaw:
        """Solve; without samples every factor is 1."""
        if not self._parts:
            return LayerLaw()
        penalty = np.full(len(self._moment), RIDGE)
        penalty[0] = 1e-6
        solved = np.asarray(
            np.linalg.solve(self._gram + np.diag(penalty), self._moment), dtype=np.float64
        )
        weights = {column: float(solved[index]) for column, index in self._columns.items()}
        return LayerLaw(weights, self._entries(solved))

    def _rows(self, samples: tuple[LayerSample, ...]) -> _Rows:
        columns: list[int] = []
        values: list[float] = []
        starts: list[int] = []
        for sample in samples:
            starts.append(len(columns))
            for column, value in ((_ALL, 1.0), *sample.traits):
                columns.append(self._columns.setdefault(column, len(self._columns)))
                values.append(value)
        return _Rows(
            np.array(columns, dtype=np.int64),
            np.array(values),
            np.array(starts, dtype=np.int64),
            np.array([math.log(s.ms / s.guess_ms) for s in samples]),
            np.array([s.ms / self._unit_ms for s in samples]),
            tuple((s.signature, s.label) for s in samples),
        )

    def _entries(self, solved: FloatArray) -> dict[tuple[str, str], float]:
        sums: dict[tuple[str, str], float] = {}
        counts: dict[tuple[str, str], int] = {}
        for part in self._parts:
            for key, rest in zip(part.entries, part.rest(solved).tolist(), strict=True):
                sums[key] = sums.get(key, 0.0) + rest
                counts[key] = counts.get(key, 0) + 1
        return {key: total / (counts[key] + ENTRY_PULL) for key, total in sums.items()}
