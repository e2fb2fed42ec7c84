"""Reads a gelu that an exporter wrote in parts as the one activation it is."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.passes.rewiring import number_of, rewire, without_unread

_ROOT = np.sqrt(2.0 / np.pi)
_FORMS = {
    "erf": ("gelu", (0.0, np.sqrt(0.5))),
    "tanh": ("gelu_tanh", (0, _ROOT, 0, 0.044715 * _ROOT)),
}
"""Function within the gate: the activation, and its argument as a polynomial in x."""

_DEPTH = 6


def fuse_gelu(graph: Graph) -> Graph:
    """Replace x * (1 + erf(x / sqrt 2)) * 1/2, or its form with tanh, by a gelu of x.

    The factors may stand in any order. Parts that others read too stay where they are.
    """
    made: dict[str, Node] = {}
    for node in graph.nodes:
        found = _match(graph, node)
        if found is not None:
            op, x = found
            gelu = make_node(node.name, op, (x,), (graph.type_of(x),))
            if gelu.type == node.type:
                made[node.name] = gelu
    if not made:
        return graph
    return without_unread(rewire(graph, [made.get(n.name, n) for n in graph.nodes], {}))


def _match(graph: Graph, node: Node) -> tuple[str, str] | None:
    """The activation and the x of a gelu whose last product is this node."""
    factors = _factors(graph, node.name, 2)
    numbers = [value for value in map(lambda f: number_of(graph, f), factors) if value is not None]
    values = [factor for factor in factors if number_of(graph, factor) is None]
    if len(values) != 2 or abs(float(np.prod(numbers)) - 0.5) > 1e-6:
        return None
    for x, gate in (values, values[::-1]):
        op = _gate_of(graph, gate, x)
        if op is not None:
            return op, x
    return None


def _factors(graph: Graph, name: str, depth: int) -> list[str]:
    """Operands of a product of products."""
    node = graph.by_name.get(name)
    if node is None or node.op != "mul" or not depth:
        return [name]
    return [f for source in node.inputs for f in _factors(graph, source, depth - 1)]


def _gate_of(graph: Graph, name: str, x: str) -> str | None:
    """The activation whose gate a value is: 1 + erf or 1 + tanh of the right argument."""
    total = graph.by_name.get(name)
    if total is None or total.op != "add" or total.text("activation") != "none":
        return None
    numbers = [number_of(graph, source) for source in total.inputs]
    if sorted(numbers, key=lambda n: n is None) != [1.0, None]:
        return None
    inner = graph.by_name.get(total.inputs[numbers.index(None)])
    if inner is None or inner.op not in _FORMS:
        return None
    op, wanted = _FORMS[inner.op]
    found = _polynomial(graph, inner.inputs[0], x, _DEPTH)
    if found is None or len(found.coef) > len(wanted):
        return None
    coefficients = np.pad(found.coef, (0, len(wanted) - len(found.coef)))
    return op if np.allclose(coefficients, wanted, rtol=1e-5, atol=1e-7) else None


def _polynomial(graph: Graph, name: str, x: str, depth: int) -> Polynomial | None:
    """A value as a polynomial in x, or None where it is none of a low degree."""
    number = number_of(graph, name)
    if name == x or number is not None:
        return Polynomial([0.0, 1.0]) if number is None else Polynomial([number])
    node = graph.by_name.get(name)
    if node is None or not depth or node.op not in {"add", "mul", "div", "pow"}:
        return None
    left, right = (_polynomial(graph, source, x, depth - 1) for source in node.inputs)
    if left is None or right is None:
        return None
    if node.op == "add":
        return left + right if node.text("activation") == "none" else None
    if node.op == "mul":
        return left * right if left.degree() + right.degree() <= 3 else None
    divisor = float(right.coef[0])
    if right.degree() > 0 or not divisor:
        return None
    if node.op == "div":
        return left / divisor
    return left ** int(divisor) if divisor in (2.0, 3.0) and left.degree() == 1 else None
