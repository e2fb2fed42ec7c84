"""Predicted latency of candidates: choices, pairs of neighbours, and a constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from backend.latency.chain import Chain
from backend.latency.measured import Measured
from backend.latency.pair_terms import PairTerms
from backend.latency.prediction_error import PredictionError

FloatArray = npt.NDArray[np.float64]
Table = Mapping[str, Mapping[str, float]]


class Learner(Protocol):
    """Makes the next model when more has been measured."""

    def after(self, seen: Sequence[Measured]) -> LatencyModel:
        """The model that knows these candidates as well."""
        ...

    def began(self, latency_ms: float, step_ms: Mapping[str, float]) -> Learner:
        """A learner in the clock of a search whose dense net took `latency_ms`."""
        ...

    def model(self) -> LatencyModel:
        """The model by everything learnt so far."""
        ...


@dataclass(frozen=True, eq=False)
class LatencyModel:
    """Milliseconds of candidates, additive along the chain of searched layers.

    `latency = constant + sum of unary + sum of pairwise terms of neighbours`, so that a shortest
    path through the layers (Viterbi, with choices as states) is the fastest candidate; papers.md
    7.3 steps 1 and 3. Neighbours in the chain are neighbours in the order of the graph: beside
    most of them lies the layer that reads them, beside a shortcut it does not, and its terms come
    out near zero.

    Attributes:
        chain: times of all choices and pairs.
        constant_ms: what is no searched layer's.
        error: of predictions for candidates that were not learnt from; None before there are any.
        source: words for people: the table it began with.
        learnt: programs it learnt from, of the table and of the search.
    """

    chain: Chain
    constant_ms: float
    error: PredictionError | None = None
    source: str = ""
    learnt: int = 0
    learner: Learner | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Searched layers in the order of the graph."""
        return self.chain.menus.layers

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """Choices of each layer, in the order of the matrices."""
        return self.chain.menus.labels

    @cached_property
    def unary(self) -> Table:
        """Milliseconds of each choice of each layer, neighbours aside."""
        return {
            layer: dict(zip(menu, self.chain.own[layer].tolist(), strict=True))
            for layer, menu in self.labels.items()
        }

    @cached_property
    def pairwise(self) -> Mapping[tuple[str, str], PairTerms]:
        """(layer, next layer) to the terms of their choices; `.matrix` has them as an array."""
        return {
            (first, second): PairTerms(
                self.labels[first], self.labels[second], self.chain.pairs[first, second]
            )
            for first, second in pairwise(self.layers)
        }

    def predict_ms(self, labels: Mapping[str, str]) -> float:
        """Milliseconds of one candidate.

        Raises:
            KeyError: a layer is missing, or its label is on no menu.
        """
        return float(self.predict_many([labels])[0])

    def predict_many(self, labels: Sequence[Mapping[str, str]]) -> FloatArray:
        """Milliseconds of several candidates."""
        rows = self.chain.menus.rows(labels)
        times: FloatArray = self.constant_ms + self.chain.layer_ms(rows).sum(axis=1)
        return np.maximum(times, 1e-6)

    def after(self, seen: Sequence[Measured]) -> LatencyModel:
        """The model once it has learnt from these measurements of the search as well."""
        if self.learner is None or not seen:
            return self
        return self.learner.after(seen)

    def began(self, latency_ms: float, step_ms: Mapping[str, float]) -> LatencyModel:
        """The model of a search whose dense net was measured; see `LatencyLearner.began`."""
        if self.learner is None:
            return self
        return self.learner.began(latency_ms, step_ms).model()

    def told(self) -> dict[str, Any]:
        """What the page shows beside predictions."""
        return {
            "source": self.source,
            "programs": self.learnt,
            "error": None if self.error is None else self.error.to_json(),
        }
