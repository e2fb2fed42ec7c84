"""What latency to expect of options, from the problem's latency model or its guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend.search.problem import Problem
from backend.search.samplers.punchcard.neighbours import Neighbours
from backend.search.samplers.punchcard.options import Options
from backend.search.samplers.punchcard.plain_objective import Expected
from backend.search.samplers.punchcard.situation import Situation


@dataclass(frozen=True)
class _Measured:
    """A finished trial as a latency model wants it."""

    labels: Mapping[str, str]
    latency_ms: float
    layer_ms: Mapping[str, float]


class LatencyTable:
    """Milliseconds of options and of neighbours, as far as trials are known."""

    def __init__(self, options: Options, problem: Problem) -> None:
        self._options = options
        self._model = problem.latency
        self._guess = options.table(problem.cost)

    def expected(self, seen: Situation) -> Expected:
        """By the model once it has learnt from these trials; without a model as guessed."""
        if self._model is None:
            return Expected(self._guess)
        options = self._options
        trials = [
            _Measured(options.labels(row), float(ms), times)
            for row, ms, times in zip(seen.rows, seen.values[:, 1], seen.layer_ms, strict=True)
        ]
        model = self._model.after(trials)
        pairs = zip(options.layers, options.layers[1:], strict=False)
        terms = tuple(np.asarray(model.pairwise[pair].matrix) for pair in pairs)
        return Expected(
            options.table(model.unary), Neighbours(options, terms), float(model.constant_ms)
        )
