"""What samplers are compared on: a net at a fidelity, with everything that costs something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.bench.accuracy.cell import Fact
from backend.search.problem import Problem, Table


@dataclass(frozen=True)
class Evaluation:
    """What an evaluator says of a candidate.

    Attributes:
        accuracy: share of the held-out images.
        cross_entropy: in nats, on the same images.
        latency_ms: predicted from the latency table.
        seconds: of one core; reconstructions of layers not counted.
    """

    accuracy: float
    cross_entropy: float
    latency_ms: float
    seconds: float


class SearchTask(Protocol):
    """A net at a fidelity. Everything it returns follows from its facts."""

    @property
    def facts(self) -> Mapping[str, Fact]:
        """What decides results: digests of net, data, space, latency table; images, version."""

    @property
    def dense(self) -> Evaluation:
        """The dense net by the same evaluator; its latency bounds the hypervolume."""

    @property
    def problem(self) -> Problem:
        """What samplers are told; its `cost` orders ordinal encodings."""

    def damage(self, name: str) -> Table:
        """A damage table by its name: `energy` or `store`."""

    def table_seconds(self, name: str) -> float:
        """CPU seconds that building a table took: `latency`, `energy` or `store`."""

    def evaluate(self, labels: Mapping[str, str]) -> Evaluation:
        """Evaluate one candidate, or find what it came to before."""

    def layer_seconds(self, layer: str, label: str) -> float:
        """CPU seconds that the reconstruction of a choice took; 0 for dense."""
