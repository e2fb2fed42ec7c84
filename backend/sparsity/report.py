"""What pruning really achieved, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.models.filter_types import replace_filter_types
from backend.sparsity.candidate import Candidate
from backend.sparsity.prune import prunable_layers
from codegen.ir.graph import Graph
from codegen.ir.node import Node


@dataclass(frozen=True)
class LayerRate:
    """One layer's rate.

    Attributes:
        name: of the layer.
        scheme: asked for; "dense" where nothing was.
        asked: rate asked for.
        achieved: dense weights divided by kept ones.
        kept: weights that stay.
        total: weights of the layer when dense.
        filter_type: what stands in the layer's place.
        before: weights of the layer of the dense net; 0 for a convolution that came beside it.
    """

    name: str
    scheme: str
    asked: float
    achieved: float
    kept: int
    total: int
    filter_type: str = "keep"
    before: int = 0


def achieved(graph: Graph, candidate: Candidate, dense: Graph | None = None) -> list[LayerRate]:
    """Rates of every convolution and fully connected layer of a pruned graph.

    Each convolution of a filter type has a row; the layer's own comes with what the layer was
    before. Layers that were left out stand behind, with no weights.

    Args:
        graph: pruned.
        candidate: that was asked for.
        dense: the net it was asked of; needed where the candidate has filter types.
    """
    shares, before = candidate, {}
    if dense is not None:
        shares = replace_filter_types(dense, candidate, start=False)[1]
        before = {node.name: _size(dense, node) for node in prunable_layers(dense)}
    elif candidate.has_filter_types:
        msg = "rates of filter types need the dense graph"
        raise ValueError(msg)
    rates = []
    for node in prunable_layers(graph):
        weight = graph.weight(node, "weight")
        assert weight is not None, node.name
        total = weight.values.size
        kept = total if weight.mask is None else int(weight.mask.sum())
        share = shares.choice(node.name)
        rates.append(
            LayerRate(
                node.name,
                share.scheme,
                share.rate,
                total / max(kept, 1),
                kept,
                total,
                candidate.choice(node.name).filter_type,
                total if dense is None else before.pop(node.name, 0),
            )
        )
    for name, size in before.items():
        kind = candidate.choice(name).filter_type
        rates.append(LayerRate(name, "dense", 1.0, 1.0, 0, 0, kind, size))
    return rates


def _size(graph: Graph, node: Node) -> int:
    return graph.weights[node.weights["weight"]].values.size


def overall_rate(rates: Iterable[LayerRate]) -> float:
    """Dense weights of all layers together divided by the kept ones."""
    listed = list(rates)
    return sum(rate.before for rate in listed) / max(1, sum(rate.kept for rate in listed))
