"""Whether the first axis of a graph's values is a batch, of which images do not mix."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.node import Node


def keeps_batch(graph: Graph) -> bool:
    """Whether the graph means the same for a batch of any size: no node moves the first axis."""
    if any(kind.shape[:1] != (1,) for _, kind in graph.inputs):
        return False
    constant = {node.name for node in graph.nodes if node.op == "constant"}
    return all(_keeps(graph, node) for node in graph.nodes if not set(node.inputs) <= constant)


def _keeps(graph: Graph, node: Node) -> bool:
    shape, attrs = graph.type_of(node.inputs[0]).shape, node.attrs
    if node.op == "transpose":
        return node.integers("perm")[:1] == (0,)
    if node.op == "expand" and len(node.type.shape) != len(shape):
        return False
    axis, axes = attrs.get("axis"), attrs.get("axes")
    if isinstance(axis, int) and axis % max(len(shape), 1) == 0:
        return False
    if isinstance(axes, tuple) and any(int(item) % max(len(shape), 1) == 0 for item in axes):
        return False
    return node.type.shape[:1] == (1,)
