"""Reads a hard sigmoid or hard swish that an exporter wrote in parts as the one it is."""

from __future__ import annotations

import math

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.ops import GATE
from codegen.ir.passes.rewiring import number_of, rewire, without_unread

_DEPTH = 3


def fuse_hard_gate(graph: Graph) -> Graph:
    """Replace clip(x + 3, 0, 6) / 6 by a hard sigmoid of x, and x times it by a hard swish.

    Factors may stand in any order, six as divisor or as factor. Parts that others read too stay.
    """
    made: dict[str, Node] = {}
    for node in graph.nodes:
        found = _match(graph, node)
        if found is None:
            continue
        op, x = found
        attrs = GATE if op == "hard_sigmoid" else {}
        gate = make_node(node.name, op, (x,), (graph.type_of(x),), attrs)
        if gate.type == node.type:
            made[node.name] = gate
    if not made:
        return graph
    return without_unread(rewire(graph, [made.get(n.name, n) for n in graph.nodes], {}))


def _match(graph: Graph, node: Node) -> tuple[str, str] | None:
    """The operation and the x of a gate whose last factor is this node's."""
    if node.op not in {"mul", "div"}:
        return None
    for clamp in _factors(graph, node.name, _DEPTH)[1]:
        x = _clamped(graph, clamp)
        if x is None:
            continue
        # The x may be a product itself, which then counts as one factor.
        scale, values = _factors(graph, node.name, _DEPTH, x)
        if clamp not in values:
            continue
        values.remove(clamp)
        if math.isclose(scale, 1 / 6, rel_tol=1e-5) and values in ([], [x]):
            return ("hard_swish" if values else "hard_sigmoid"), x
    return None


def _factors(
    graph: Graph, name: str, depth: int, whole: str | None = None
) -> tuple[float, list[str]]:
    """The product of all numbers in a product, and its other factors."""
    number = number_of(graph, name)
    if number is not None:
        return number, []
    node = graph.by_name.get(name)
    if node is None or not depth or name == whole or node.op not in {"mul", "div"}:
        return 1.0, [name]
    (one, left), (other, right) = (
        _factors(graph, source, depth - 1, whole) for source in node.inputs
    )
    if node.op == "mul":
        return one * other, left + right
    return (1.0, [name]) if right or not other else (one / other, left)


def _clamped(graph: Graph, name: str) -> str | None:
    """The x of clip(x + 3, 0, 6), or None."""
    node = graph.by_name.get(name)
    is_clip = node is not None and (
        node.op == "relu6"
        or (node.op == "clip" and (node.number("low"), node.number("high")) == (0.0, 6.0))
    )
    total = graph.by_name.get(node.inputs[0]) if node is not None and is_clip else None
    if total is None or total.op != "add" or total.text("activation") != "none":
        return None
    for x, shift in (total.inputs, total.inputs[::-1]):
        if number_of(graph, shift) == 3.0:
            return x
    return None
