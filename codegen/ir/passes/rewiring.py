"""Puts changed nodes into a graph and redirects readers of values that went away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight


def rewire(
    graph: Graph,
    nodes: Iterable[Node],
    renamed: Mapping[str, str],
    added: Mapping[str, Weight] | None = None,
) -> Graph:
    """The graph with other nodes, where every reader of a renamed value reads its successor.

    Args:
        graph: what the nodes come from.
        nodes: in topological order; their inputs may still carry old names.
        renamed: old value to the value that replaces it; chains are followed.
        added: weights that are new or changed; those no node uses are dropped.
    """

    def current(name: str) -> str:
        while name in renamed:
            name = renamed[name]
        return name

    moved = [replace(node, inputs=tuple(current(name) for name in node.inputs)) for node in nodes]
    outputs = tuple(current(name) for name in graph.outputs)
    return graph.with_weights(added or {}).with_nodes(moved, outputs)


def until_settled(graph: Graph, once: Callable[[Graph], Graph]) -> Graph:
    """The graph after as many rounds of a rewrite as still take nodes away."""
    before = -1
    while len(graph.nodes) != before:
        before = len(graph.nodes)
        graph = once(graph)
    return graph


def sole_user(graph: Graph, value: str) -> Node | None:
    """The only node that reads a value, or None where several do, none does, or it is an output."""
    users = graph.users[value]
    return users[0] if len(users) == 1 and value not in graph.outputs else None


def with_attrs(node: Node, **changed: int | float | str | bool) -> Node:
    """The node with some attributes changed."""
    return replace(node, attr_items=tuple(sorted({**node.attrs, **changed}.items())))


def number_of(graph: Graph, name: str) -> float | None:
    """The one number of a constant, or None."""
    node = graph.by_name.get(name)
    if node is None or node.op != "constant" or node.type.elements != 1:
        return None
    return float(graph.weights[node.weights["value"]].values.reshape(-1)[0])


def without_unread(graph: Graph) -> Graph:
    """The graph without nodes that no output needs."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return graph.with_nodes(node for node in graph.nodes if node.name in needed)
