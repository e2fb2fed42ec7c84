"""Puts filter types into a graph: the net that a candidate with filter types really is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from backend.models.filter_types.filter_type import Piece
from backend.models.filter_types.legality import layer_of, why_illegal_filter_type
from backend.models.filter_types.part_choices import part_choices
from backend.models.filter_types.registry import FILTER_TYPES
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.ir.node import AttrValue, Node
from codegen.ir.node_factory import make_node
from codegen.ir.tensor import TensorType
from codegen.ir.verify import verify_graph
from codegen.ir.weight import Weight

KEEP = "keep"


def replace_filter_types(
    graph: Graph,
    candidate: Candidate,
    *,
    pattern_sets: Mapping[str, PatternSet] | None = None,
    start: bool = True,
) -> tuple[Graph, Candidate]:
    """The graph with every filter type of a candidate in place, and what is left to prune of it.

    The last convolution of a filter type keeps the layer's name, weight key, bias, activation and
    addition, so that targets, batch norm and reports still match; those before it are called
    `<layer>.expand` and `<layer>.dw`. A skipped layer becomes an identity of its name, or the
    activation or addition that was fused into it. The new candidate has a choice for each part
    (`part_choices` says which) and no filter types. Weights begin at a factorisation of the
    layer's (each type says which), without data; masks the layer had are dropped.

    Args:
        graph: the dense net.
        candidate: what to do; without filter types both come back as they are.
        pattern_sets: by name, for the rates of patterns; the shipped ones when not given.
        start: whether weights are computed; zeros else, for whoever asks for shapes alone.

    Raises:
        PlanError: a layer is absent, or its filter type does not fit it.
    """
    chosen = {name: c for name, c in candidate.choices if c.filter_type != KEEP}
    if not chosen:
        return graph, candidate
    for name in chosen:
        if name not in graph.by_name:
            near = get_close_matches(name, [n.name for n in graph.nodes], n=3, cutoff=0.4)
            hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
            msg = f"{graph.name!r} has no layer {name!r} to replace{hint}"
            raise PlanError(msg)
    choices = {name: c for name, c in candidate.choices if name not in chosen}
    nodes: list[Node] = []
    added: dict[str, Weight] = {}
    for node in graph.nodes:
        choice = chosen.get(node.name)
        if choice is None:
            nodes.append(node)
            continue
        site = _site(graph, node, choice, start=start)
        made, weights = site.nodes()
        nodes += made
        added |= weights
        parts = part_choices(site.pieces, choice, pattern_sets)
        choices |= dict(zip(site.names, parts, strict=True))
    replaced = graph.with_weights(added).with_nodes(nodes)
    verify_graph(replaced)
    return replaced, Candidate.of(choices)


def why_illegal_choice(graph: Graph, node: Node, choice: LayerChoice) -> str | None:
    """Why a layer cannot have a choice's filter type, or None; a skipped layer has no scheme."""
    reason = why_illegal_filter_type(graph, node, choice.filter_type, is_named=True)
    if reason is None and choice.filter_type == "skip" and choice.scheme != "dense":
        return f"a layer that is left out has no weights for {choice.scheme}: leave it dense"
    return reason


def part_names(graph: Graph, node: Node, filter_type: str) -> tuple[str, ...]:
    """Names of the convolutions that would stand in a layer's place, the layer's own last."""
    if filter_type == KEEP:
        return (node.name,)
    return _site(graph, node, LayerChoice(filter_type=filter_type), start=False).names


def replaced_parts(graph: Graph, candidate: Candidate) -> dict[str, list[str]]:
    """Layer that a candidate replaces to the names of its convolutions; none where it is skipped.

    Args:
        graph: the dense net.
        candidate: with filter types or without.
    """
    return {
        name: list(part_names(graph, graph.by_name[name], choice.filter_type))
        for name, choice in candidate.choices
        if choice.filter_type != KEEP
    }


def part_choices_of(
    graph: Graph,
    node: Node,
    choice: LayerChoice,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> tuple[LayerChoice, ...]:
    """What each of `part_names` gets of a layer's choice."""
    if choice.filter_type == KEEP:
        return (choice,)
    return part_choices(_site(graph, node, choice, start=False).pieces, choice, pattern_sets)


@dataclass(frozen=True, eq=False)
class _Site:
    """One layer with the pieces that replace it."""

    graph: Graph
    node: Node
    pieces: tuple[Piece, ...]
    names: tuple[str, ...]

    def nodes(self) -> tuple[list[Node], dict[str, Weight]]:
        """The nodes that replace the layer, and their weights by key."""
        made: list[Node] = []
        added: dict[str, Weight] = {}
        source = self.node.inputs[0]
        kind = self.graph.type_of(source)
        for piece, name in zip(self.pieces, self.names, strict=True):
            is_last = not piece.suffix
            keys = {"weight": self._key(name)}
            added[keys["weight"]] = Weight(piece.weight)
            if is_last and "bias" in self.node.weights:
                keys["bias"] = self.node.weights["bias"]
            inputs = (source, *self.node.inputs[1:]) if is_last else (source,)
            types = (kind, *(self.graph.type_of(name) for name in inputs[1:]))
            known = {**self.graph.weights, **added}
            made.append(
                make_node(name, "conv", inputs, types, self._attrs(piece, is_last), keys, known)
            )
            source, kind = name, made[-1].type
        return (made, added) if made else ([_passed_on(self.node, kind)], {})

    def _key(self, name: str) -> str:
        """The layer's own key where it alone uses it; a free one else."""
        uses = [key for node in self.graph.nodes for _, key in node.weight_items]
        own = self.node.weights["weight"]
        if name == self.node.name and uses.count(own) == 1:
            return own
        key = f"{name}.weight"
        while key in self.graph.weights:
            key += "_"
        return key

    def _attrs(self, piece: Piece, is_last: bool) -> dict[str, AttrValue]:
        own = self.node.attrs
        attrs: dict[str, AttrValue] = {"groups": piece.groups, "padding": piece.padding}
        if piece.is_spatial:
            attrs |= {"stride": own["stride"], "dilation": own["dilation"]}
        if is_last:
            attrs |= {"activation": own["activation"], "alpha": own["alpha"]}
        return attrs


def _site(graph: Graph, node: Node, choice: LayerChoice, *, start: bool) -> _Site:
    reason = why_illegal_choice(graph, node, choice)
    if reason is not None:
        msg = f"layer {node.name!r} cannot be {choice.filter_type}: {reason}"
        raise PlanError(msg)
    pieces = FILTER_TYPES[choice.filter_type].pieces(layer_of(graph, node), start=start)
    taken = {other.name for other in graph.nodes} | {name for name, _ in graph.inputs}
    names = []
    for piece in pieces:
        name = f"{node.name}.{piece.suffix}" if piece.suffix else node.name
        while piece.suffix and name in taken:
            name += "_"
        names.append(name)
    return _Site(graph, node, pieces, tuple(names))


def _passed_on(node: Node, kind: TensorType) -> Node:
    """What a skipped layer leaves behind: its addition, its activation or nothing."""
    activation = node.text("activation")
    attrs: dict[str, AttrValue] = {}
    if len(node.inputs) > 1:
        attrs = {"activation": activation, "alpha": node.number("alpha")}
        return make_node(node.name, "add", node.inputs, (kind, node.type), attrs)
    if activation == "none":
        return make_node(node.name, "identity", node.inputs, (kind,))
    if activation in {"leaky_relu", "elu"}:
        attrs = {"alpha": node.number("alpha")}
    return make_node(node.name, activation, node.inputs, (kind,), attrs)
