"""One-shot pruning by magnitude: a graph and a candidate in, the graph with masks out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from backend.models.filter_types import replace_filter_types
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.dependency import joint_scores, removal_masks, why_filters_stay
from backend.sparsity.patterns import PatternSet, preset_patterns
from backend.sparsity.schemes import SCHEMES, Scheme
from backend.sparsity.schemes.structure import BoolArray, FloatArray, Structure
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight

PRUNABLE_OPS = frozenset({"conv", "linear"})


@dataclass(frozen=True, eq=False)
class PrunedLayer:
    """One layer a candidate prunes, with everything its scheme needs.

    Attributes:
        node: the layer.
        key: of its weight.
        weight: dense values.
        choice: scheme and rate; dense for a layer that only loses what removed filters fed it.
        scheme: the row of `SCHEMES`.
        patterns: the set a pattern layer chooses from.
        allowed: what removed filters of this and other layers leave of the weight, or None for all
            of it. Filter layers have their whole mask here: it was ranked with their group.
    """

    node: Node
    key: str
    weight: FloatArray
    choice: LayerChoice
    scheme: Scheme
    patterns: PatternSet | None
    allowed: BoolArray | None = None

    @property
    def structure(self) -> Structure:
        """What is kept or removed together."""
        return self.scheme.structure(self.weight.shape, self.choice, self.patterns)

    def mask(self, weight: FloatArray | None = None) -> BoolArray:
        """The mask by magnitude, of the dense weight or of another of its shape."""
        values = self.weight if weight is None else weight
        if self.allowed is None:
            return self.scheme.mask(values, self.choice, self.patterns)
        if self.scheme.is_joint:
            return self.allowed
        inside = np.where(self.allowed, values, np.float32(0))
        return self.scheme.mask(inside, self.choice, self.patterns) & self.allowed

    def mask_from_scores(self, scores: FloatArray) -> BoolArray:
        """The mask by scores of each band's columns, (bands, columns)."""
        if self.allowed is not None and self.scheme.is_joint:
            return self.allowed
        mask = self.scheme.mask_from_scores(self.weight.shape, self.choice, self.structure, scores)
        return mask if self.allowed is None else mask & self.allowed


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
    return tuple(name for name in SCHEMES if why_illegal(graph, node, name) is None)


def why_illegal(graph: Graph, node: Node, scheme: str) -> str | None:
    """Why a scheme cannot prune a layer of this graph, in words, or None where it can."""
    row = SCHEMES[scheme]
    found = row.legal(node, graph.weights[node.weights["weight"]].values.shape)
    return why_filters_stay(graph, node) if found is None and row.is_joint else found


def pruned_layers(
    graph: Graph,
    candidate: Candidate,
    pattern_sets: Mapping[str, PatternSet] | None = None,
    *,
    filter_scores: Mapping[str, FloatArray] | None = None,
) -> Iterator[PrunedLayer]:
    """The layers a candidate prunes, in topological order; the whole candidate is checked first.

    Layers that removed filters fed come as well, dense where the candidate does not name them.

    Args:
        graph: the dense graph, with filter types in place.
        candidate: what to prune; without filter types.
        pattern_sets: by name; the shipped ones when not given.
        filter_scores: of the filters (filters,) of layers that lose some; the mean square of each
            filter when not given.

    Raises:
        PlanError: a layer is absent, or its scheme, rate or pattern set does not fit it.
    """
    if candidate.has_filter_types:
        msg = "filter types are put into the graph before its layers are pruned"
        raise ValueError(msg)
    sets = preset_patterns() if pattern_sets is None else pattern_sets
    found = {node.name: node for node in prunable_layers(graph)}
    layers = {}
    for name, choice in candidate.choices:
        node = found.get(name)
        if node is None:
            raise PlanError(_absent(graph, name, found))
        layers[name] = _checked(graph, node, choice, sets)
    removing = {name: layer for name, layer in layers.items() if layer.scheme.is_joint}
    if removing:
        for name, mask in _removal(graph, removing, filter_scores or {}).items():
            if name in layers:
                layers[name] = replace(layers[name], allowed=mask)
            elif name in found:
                layer = _checked(graph, found[name], LayerChoice(), sets)
                old = graph.weights[layer.key].mask
                layers[name] = replace(layer, allowed=mask if old is None else mask & old)
    return (layers[name] for name in found if name in layers)


def check_candidate(
    graph: Graph,
    candidate: Candidate,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> None:
    """Refuse a candidate that does not fit a dense graph, filter types included; costs no run.

    Raises:
        PlanError: says which layer cannot have what.
    """
    then, rest = replace_filter_types(graph, candidate, pattern_sets=pattern_sets, start=False)
    pruned_layers(then, rest, pattern_sets)


def prune_graph(
    graph: Graph,
    candidate: Candidate,
    *,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> Graph:
    """Give every chosen layer the mask that keeps its largest weights.

    Args:
        graph: the dense graph; masks it already has on chosen layers are replaced.
        candidate: what to prune; filter types are put in place before.
        pattern_sets: by name; the shipped ones when not given.

    Raises:
        PlanError: the candidate does not fit the graph.
    """
    graph, candidate = replace_filter_types(graph, candidate, pattern_sets=pattern_sets)
    changed = {}
    for layer in pruned_layers(graph, candidate, pattern_sets):
        changed[layer.key] = Weight(layer.weight, layer.mask())
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
    problem = why_illegal(graph, node, choice.scheme) or scheme.problem(shape, choice, entries)
    if problem is not None:
        msg = f"layer {node.name!r} cannot be pruned by {choice.scheme}: {problem}"
        raise PlanError(msg)
    return PrunedLayer(node, node.weights["weight"], weight.values, choice, scheme, chosen)


def _removal(
    graph: Graph, layers: Mapping[str, PrunedLayer], scores: Mapping[str, FloatArray]
) -> dict[str, BoolArray]:
    """Masks of all layers that lose filters or what filters fed them."""
    own = {
        name: scores.get(name, (layer.weight.reshape(len(layer.weight), -1) ** 2).mean(axis=1))
        for name, layer in layers.items()
    }
    kept: dict[str, BoolArray] = {}
    for name, values in joint_scores(graph, own).items():
        layer = layers[name]
        mask = layer.scheme.mask_from_scores(
            layer.weight.shape, layer.choice, layer.structure, values[:, None]
        )
        kept[name] = np.asarray(mask.reshape(len(values), -1).any(axis=1))
    return removal_masks(graph, kept)


def _absent(graph: Graph, name: str, found: Mapping[str, Node]) -> str:
    near = get_close_matches(name, list(found), n=3, cutoff=0.4)
    hint = f"; did you mean {_listed(near)}?" if near else f"; it has {_listed(list(found)[:8])} …"
    return f"{graph.name!r} has no layer {name!r} that could be pruned{hint}"


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(repr(name) for name in names)
