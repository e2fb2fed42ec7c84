"""Reads a gelu that an exporter wrote in parts as the one activation it is."""

from __future__ import annotations

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.passes.rewiring import rewire

_ROOT = float(np.sqrt(2.0))


def fuse_gelu(graph: Graph) -> Graph:
    """Replace x * (1 + erf(x / sqrt 2)) * 1/2, in any order of its factors, by a gelu of x.

    Parts that others read too stay where they are.
    """
    made: dict[str, Node] = {}
    for node in graph.nodes:
        x = _argument(graph, node)
        if x is not None:
            gelu = make_node(node.name, "gelu", (x,), (graph.type_of(x),))
            if gelu.type == node.type:
                made[node.name] = gelu
    if not made:
        return graph
    return _without_unread(rewire(graph, [made.get(n.name, n) for n in graph.nodes], {}))


def _argument(graph: Graph, node: Node) -> str | None:
    """The x of a gelu whose last product is this node."""
    factors = _factors(graph, node.name, 2)
    numbers = [value for value in map(lambda f: _number(graph, f), factors) if value is not None]
    values = [factor for factor in factors if _number(graph, factor) is None]
    if len(values) != 2 or abs(float(np.prod(numbers)) - 0.5) > 1e-6:
        return None
    for x, gate in (values, values[::-1]):
        if _is_gate(graph, gate, x):
            return x
    return None


def _factors(graph: Graph, name: str, depth: int) -> list[str]:
    """Operands of a product of products."""
    node = graph.by_name.get(name)
    if node is None or node.op != "mul" or not depth:
        return [name]
    return [f for source in node.inputs for f in _factors(graph, source, depth - 1)]


def _is_gate(graph: Graph, name: str, x: str) -> bool:
    """Whether a value is 1 + erf(x / sqrt 2)."""
    total = graph.by_name.get(name)
    if total is None or total.op != "add" or total.text("activation") != "none":
        return False
    values = [source for source in total.inputs if _number(graph, source) is None]
    if len(values) != 1 or any(_number(graph, s) not in (None, 1.0) for s in total.inputs):
        return False
    erf = graph.by_name.get(values[0])
    scaled = graph.by_name.get(erf.inputs[0]) if erf is not None and erf.op == "erf" else None
    if scaled is None or scaled.inputs[0] != x or scaled.op not in {"div", "mul"}:
        return False
    number = _number(graph, scaled.inputs[1])
    wanted = _ROOT if scaled.op == "div" else 1.0 / _ROOT
    return number is not None and abs(number - wanted) < 1e-5


def _number(graph: Graph, name: str) -> float | None:
    """The one number of a constant, or None."""
    node = graph.by_name.get(name)
    if node is None or node.op != "constant" or node.type.elements != 1:
        return None
    return float(graph.weights[node.weights["value"]].values.reshape(-1)[0])


def _without_unread(graph: Graph) -> Graph:
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return graph.with_nodes(node for node in graph.nodes if node.name in needed)
