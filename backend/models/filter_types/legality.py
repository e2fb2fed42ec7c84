"""Which filter type can stand in the place of which layer, and why not."""

from __future__ import annotations

from backend.models.filter_types.filter_type import Layer
from backend.models.filter_types.registry import FILTER_TYPES
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.ir.node import Node


def layer_of(graph: Graph, node: Node) -> Layer:
    """A convolution with its weight."""
    return Layer(node, graph.weights[node.weights["weight"]].values)


def why_illegal_filter_type(
    graph: Graph, node: Node, name: str, *, is_named: bool = False
) -> str | None:
    """Why a filter type cannot stand in a layer's place, in one sentence, or None where it can.

    Args:
        graph: the net before anything is replaced.
        node: a layer of it.
        name: a row of `FILTER_TYPES`.
        is_named: whether the user named the type for this layer; then it may cost more
            multiply-accumulates than the layer.

    Raises:
        PlanError: there is no such filter type.
    """
    if name not in FILTER_TYPES:
        msg = f"there is no filter type {name!r}; take {', '.join(FILTER_TYPES)}"
        raise PlanError(msg)
    if name == "keep":
        return None
    if node.op != "conv" or len(node.type.shape) != 4:
        what = node.op if node.op != "conv" else "a convolution of rows or volumes"
        return f"filter types are those of convolutions of pictures, this is {what}"
    if node.inputs[0] in {source for source, _ in graph.inputs}:
        return "the first convolution stays as it is"
    if name == "skip":
        read = graph.type_of(node.inputs[0])
        if read != node.type:
            shapes = ["x".join(map(str, kind.shape[1:])) for kind in (read, node.type)]
            return f"it makes {shapes[1]} of {shapes[0]}, and only one shape can be passed on"
        return None
    layer = layer_of(graph, node)
    reason = FILTER_TYPES[name].why_not(layer)
    if reason is not None or is_named:
        return reason
    ratio = _macs(layer, graph, name) / _macs(layer, graph, "keep")
    if ratio > 1:
        return f"it would cost {ratio:.3g} times the layer's multiply-accumulates"
    return None


def _macs(layer: Layer, graph: Graph, name: str) -> int:
    """Multiply-accumulates at batch 1: pieces before the spatial one work on the input's pixels."""
    height, width = graph.type_of(layer.node.inputs[0]).shape[2:]
    total = 0
    for piece in FILTER_TYPES[name].pieces(layer, start=False):
        if piece.is_spatial:
            height, width = layer.node.type.shape[2:]
        total += piece.weight.size * height * width
    return total
