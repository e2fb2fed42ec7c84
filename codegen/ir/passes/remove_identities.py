"""Removes nodes that pass their input on unchanged at inference."""

from __future__ import annotations

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import rewire

_LARGEST = float(np.finfo(np.float32).max)


def remove_identities(graph: Graph) -> Graph:
    """Drop identities, dropouts, and pads, reshapes, pools, joins and clips that do nothing.

    One is kept where a graph input would become a graph output: a program copies its input.
    """
    inputs = {name for name, _ in graph.inputs}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if not _does_nothing(graph, node):
            continue
        source = node.inputs[0]
        while source in renamed:
            source = renamed[source]
        if not (node.name in graph.outputs and source in inputs):
            renamed[node.name] = source
    return rewire(graph, [node for node in graph.nodes if node.name not in renamed], renamed)


def _does_nothing(graph: Graph, node: Node) -> bool:
    if node.op in {"identity", "dropout"}:
        return True
    if node.op in {"reshape", "flatten"}:
        return node.type == graph.type_of(node.inputs[0])
    if node.op in {"slice", "expand"} and node.type == graph.type_of(node.inputs[0]):
        return node.op == "expand" or set(node.integers("steps")) <= {1}
    if node.op == "transpose":
        return node.integers("perm") == tuple(range(len(node.type.shape)))
    if node.op == "pad":
        return not any(node.integers("padding"))
    if node.op == "concat":
        return len(node.inputs) == 1
    if node.op in {"max_pool", "average_pool"}:
        moves = (*node.integers("padding"), *(size - 1 for size in node.integers("kernel")))
        return not any(moves) and node.integers("stride") == (1, 1)
    if node.op == "clip":
        return node.number("low") <= -_LARGEST and node.number("high") >= _LARGEST
    return False
