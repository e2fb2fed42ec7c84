"""Which layers of a net a row prunes, and the pattern sets that its rows name."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import prod

from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.dependency import dependency_groups
from backend.sparsity.patterns import PatternSet, natural_patterns
from backend.sparsity.prune import prunable_layers
from codegen.ir.graph import Graph
from codegen.ir.node import Node

LIBRARY_SIZES = (4, 8, 12, 56)


def pruned_kernel(graph: Graph) -> tuple[int, ...]:
    """Kernel size that holds most weights of the net's plain convolutions: (3, 3) or (1, 1)."""
    weights: Counter[tuple[int, ...]] = Counter()
    for _, shape in _plain_convolutions(graph):
        weights[shape[2:]] += prod(shape)
    return weights.most_common(1)[0][0]


def candidate_of(graph: Graph, choice: LayerChoice) -> Candidate:
    """The choice for every plain convolution of the main kernel size but the first.

    As in PatDNN (ASPLOS 2020, section 4): one rate for all layers except the first. Depthwise
    layers, shortcuts of another kernel size and the classifier stay dense. Of whole filters the
    rate is that of the weights: see `_filters`.
    """
    kernel = pruned_kernel(graph)
    layers = [
        node
        for node, shape in _plain_convolutions(graph)
        if shape[2:] == kernel and node.inputs[0] != graph.inputs[0][0]
    ]
    if choice.scheme == "filter":
        return Candidate.of(_filters(graph, layers, choice))
    return Candidate.of({node.name: choice for node in layers})


def _filters(graph: Graph, layers: list[Node], choice: LayerChoice) -> dict[str, LayerChoice]:
    """Filters that may go without touching a sum: those inside residual blocks.

    The layer behind loses as many channels, so both have the rate. In a chain every layer loses
    filters and channels: each the root of the rate.
    """
    alone = {group[0] for group in dependency_groups(graph) if len(group) == 1}
    is_chain = not any(node.op == "add" for node in graph.nodes)
    chosen = replace(choice, rate=choice.rate**0.5) if is_chain else choice
    return {node.name: chosen for node in layers if node.name in alone}


def pattern_sets(place: Workplace, net: str, graph: Graph) -> dict[str, PatternSet]:
    """Natural patterns of the dense start itself, by size: `natural-8` and so on."""
    if pruned_kernel(graph) != (3, 3):
        return {}
    return place.remember(
        f"patterns {net}",
        lambda: {f"natural-{size}": natural_patterns(graph, size) for size in LIBRARY_SIZES},
    )


def _plain_convolutions(graph: Graph) -> list[tuple[Node, tuple[int, ...]]]:
    found = []
    for node in prunable_layers(graph):
        weight = graph.weight(node, "weight")
        if node.op == "conv" and node.integer("groups") == 1 and weight is not None:
            found.append((node, weight.values.shape))
    return found
