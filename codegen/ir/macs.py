"""Work of a graph, dense and after pruning."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import OPS


def dense_macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of one node at batch 1, zeros included."""
    shapes = {role: graph.weights[key].values.shape for role, key in node.weight_items}
    return OPS[node.op].macs(node.type, shapes, node.attrs)


def nonzero_macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of one node's non-zero weights at batch 1."""
    weight = graph.weight(node, "weight")
    if weight is None or not weight.values.size:
        return dense_macs(graph, node)
    return dense_macs(graph, node) * weight.nonzeros // weight.values.size


def parameter_count(graph: Graph) -> int:
    """Number of learnt weight values, as publications count: no batch-norm statistics."""
    statistics = {
        key
        for node in graph.nodes
        for role, key in node.weight_items
        if role in {"mean", "variance"}
    }
    return sum(w.values.size for key, w in graph.weights.items() if key not in statistics)
