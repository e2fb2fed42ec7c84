"""What pruning really achieved, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.sparsity.candidate import Candidate
from backend.sparsity.prune import prunable_layers
from codegen.ir.graph import Graph


@dataclass(frozen=True)
class LayerRate:
    """One layer's rate.

    Attributes:
        name: of the layer.
        scheme: asked for; "dense" where nothing was.
        asked: rate asked for.
        achieved: dense weights divided by kept ones.
        kept: weights that stay.
        total: weights of the dense layer.
    """

    name: str
    scheme: str
    asked: float
    achieved: float
    kept: int
    total: int


def achieved(graph: Graph, candidate: Candidate) -> list[LayerRate]:
    """Rates of every convolution and fully connected layer of a pruned graph."""
    rates = []
    for node in prunable_layers(graph):
        weight = graph.weight(node, "weight")
        assert weight is not None, node.name
        total = weight.values.size
        kept = total if weight.mask is None else int(weight.mask.sum())
        choice = candidate.choice(node.name)
        rates.append(
            LayerRate(node.name, choice.scheme, choice.rate, total / max(kept, 1), kept, total)
        )
    return rates


def overall_rate(rates: Iterable[LayerRate]) -> float:
    """Dense weights of all layers together divided by the kept ones."""
    listed = list(rates)
    return sum(rate.total for rate in listed) / max(1, sum(rate.kept for rate in listed))
