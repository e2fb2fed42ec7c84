"""One-shot pruning by magnitude: a graph and a candidate in, the graph with masks out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet, preset_patterns
from backend.sparsity.schemes import SCHEMES, Scheme
from backend.sparsity.schemes.structure import FloatArray
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight

PRUNABLE_OPS = frozenset({"conv", "linear"})


@dataclass(frozen=True, eq=False)
class PrunedLayer:
    """One layer a candidate prunes, with everything its scheme needs."""

    node: Node
    key: str
    weight: FloatArray
    choice: LayerChoice
    scheme: Scheme
    patterns: PatternSet | None


def prunable_layers(graph: Graph) -> tuple[Node, ...]:
    """Convolutions of pictures and fully connected layers, in topological order."""
    return tuple(n for n in graph.nodes if _is_prunable(n) and "weight" in n.weights)


def _is_prunable(node: Node) -> bool:
    """Whether schemes know the layer's weights: filters of rows or volumes stay dense."""
    return node.op in PRUNABLE_OPS and (node.op != "conv" or len(node.type.shape) == 4)


def legal_schemes(graph: Graph, node: Node) -> tuple[str, ...]:
    """Names of the schemes that can prune a layer."""
    weight = graph.weight(node, "weight")
    if weight is None or not _is_prunable(node):
        return ("dense",)
    shape = weight.values.shape
    return tuple(name for name, scheme in SCHEMES.items() if scheme.legal(node, shape) is None)


def pruned_layers(
    graph: Graph, candidate: Candidate, pattern_sets: Mapping[str, PatternSet] | None = None
) -> Iterator[PrunedLayer]:
    """The layers a candidate prunes, in topological order; the whole candidate is checked first.

    Raises:
        PlanError: a layer is absent, or its scheme, rate or pattern set does not fit it.
    """
    sets = preset_patterns() if pattern_sets is None else pattern_sets
    found = {node.name: node for node in prunable_layers(graph)}
    layers = {}
    for name, choice in candidate.choices:
        node = found.get(name)
        if node is None:
            raise PlanError(_absent(graph, name, found))
        layers[name] = _checked(graph, node, choice, sets)
    return (layers[name] for name in found if name in layers)


def prune_graph(
    graph: Graph,
    candidate: Candidate,
    *,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> Graph:
    """Give every chosen layer the mask that keeps its largest weights.

    Args:
        graph: the dense graph; masks it already has on chosen layers are replaced.
        candidate: what to prune.
        pattern_sets: by name; the shipped ones when not given.

    Raises:
        PlanError: the candidate does not fit the graph.
    """
    changed = {}
    for layer in pruned_layers(graph, candidate, pattern_sets):
        mask = layer.scheme.mask(layer.weight, layer.choice, layer.patterns)
        changed[layer.key] = Weight(layer.weight, mask)
    return graph.with_weights(changed)


def _checked(
    graph: Graph, node: Node, choice: LayerChoice, sets: Mapping[str, PatternSet]
) -> PrunedLayer:
    scheme = SCHEMES.get(choice.scheme)
    if scheme is None:
        msg = f"layer {node.name!r}: there is no scheme {choice.scheme!r}; take {_listed(SCHEMES)}"
        raise PlanError(msg)
    if choice.scheme == "pattern" and choice.patterns not in sets:
        msg = (
            f"layer {node.name!r}: there is no pattern set {choice.patterns!r}; "
            f"take {_listed(sets)}"
        )
        raise PlanError(msg)
    weight = graph.weight(node, "weight")
    assert weight is not None, node.name
    shape = weight.values.shape
    chosen = sets.get(choice.patterns) if choice.scheme == "pattern" else None
    entries = None if chosen is None else chosen.entries
    problem = scheme.legal(node, shape) or scheme.problem(shape, choice, entries)
    if problem is not None:
        msg = f"layer {node.name!r} cannot be pruned by {choice.scheme}: {problem}"
        raise PlanError(msg)
    return PrunedLayer(node, node.weights["weight"], weight.values, choice, scheme, chosen)


def _absent(graph: Graph, name: str, found: Mapping[str, Node]) -> str:
    near = get_close_matches(name, list(found), n=3, cutoff=0.4)
    hint = f"; did you mean {_listed(near)}?" if near else f"; it has {_listed(list(found)[:8])} …"
    return f"{graph.name!r} has no layer {name!r} that could be pruned{hint}"


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(repr(name) for name in names)
