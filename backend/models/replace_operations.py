"""NPAS phase 1 as a rewrite: soft activations become their hard forms. Needs no torch.

Unlike the passes of `codegen.ir.passes` it changes what the graph computes, so that a short
training should follow.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from backend.models.hard_forms import HARD_FORMS, HardForm
from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.ops import ACTIVATIONS
from codegen.ir.passes.fuse_gelu import fuse_gelu
from codegen.ir.passes.rewiring import with_attrs
from codegen.ir.verify import verify_graph

_WITH_SLOPE = frozenset({"leaky_relu", "elu"})


@dataclass(frozen=True)
class Replacement:
    """One operation that can be replaced.

    Attributes:
        node: its name, or that of the layer it is fused into.
        op: the operation.
        form: what stands instead.
        is_fused: whether it is an attribute of a convolution, linear layer or addition.
        is_gate: whether its value only scales others, as in squeeze and excite.
        elements: numbers it is computed for, at batch 1.
    """

    node: str
    op: str
    form: HardForm
    is_fused: bool
    is_gate: bool
    elements: int


def replaceable(graph: Graph) -> tuple[Replacement, ...]:
    """Every operation of a graph that has a hard form, in order.

    An operation whose value is an output of the graph is left out: what it returns, say a
    probability, is what the user asked for.
    """
    graph = _with_whole_gelu(graph)
    found = []
    for node in graph.nodes:
        op = _soft_op(node)
        if op is None or _is_output(graph, node):
            continue
        readers = graph.users[node.name]
        found.append(
            Replacement(
                node=node.name,
                op=op,
                form=HARD_FORMS[op],
                is_fused=op != node.op,
                is_gate=bool(readers) and all(reader.op == "mul" for reader in readers),
                elements=node.type.elements,
            )
        )
    return tuple(found)


def replace_operations(graph: Graph, skip: Collection[str] = ()) -> Graph:
    """The graph with hard forms instead of soft ones; names and weights of layers stay.

    Args:
        graph: with batch norms or without, activations as nodes or fused.
        skip: names of `Replacement.node` to leave alone.

    Raises:
        GraphError: a skipped name is none of them; or nothing is left to replace.
    """
    graph = _with_whole_gelu(graph)
    rows = {row.node: row for row in replaceable(graph)}
    unknown = sorted(set(skip) - rows.keys())
    if unknown:
        known = ", ".join(rows) or "none"
        msg = f"{unknown[0]!r} is no operation that can be replaced; there are: {known}"
        raise GraphError(msg)
    chosen = {name: row for name, row in rows.items() if name not in skip}
    if not chosen:
        what = "every replaceable operation is skipped" if rows else "no operation has a hard form"
        msg = f"model {graph.name!r}: {what}, so there is nothing to replace"
        raise GraphError(msg)
    taken = {node.name for node in graph.nodes} | {name for name, _ in graph.inputs}
    moved: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        current = replace(node, inputs=tuple(moved.get(name, name) for name in node.inputs))
        row = chosen.get(node.name)
        made = [current] if row is None else _hardened(current, row, taken)
        if len(made) > 1:
            moved[node.name] = made[-1].name
        nodes += made
    result = graph.with_nodes(nodes)
    verify_graph(result)
    return result


def _soft_op(node: Node) -> str | None:
    """The operation with a hard form that a node is, or has fused into it."""
    if node.op in HARD_FORMS:
        return node.op
    fused = node.attrs.get("activation")
    return str(fused) if fused in HARD_FORMS else None


def _is_output(graph: Graph, node: Node) -> bool:
    """Whether the graph returns the node's value, moved or not."""
    if node.name in graph.outputs:
        return True
    moves = {"reshape", "flatten", "transpose", "identity"}
    return any(user.op in moves and _is_output(graph, user) for user in graph.users[node.name])


def _hardened(node: Node, row: Replacement, taken: set[str]) -> list[Node]:
    """The node with its hard form; a second node where that cannot be fused."""
    alpha = node.number("alpha") if row.op in _WITH_SLOPE else 1.0
    attrs = row.form.attrs_for(alpha)
    if not row.is_fused:
        return [make_node(node.name, row.form.op, node.inputs, (node.type,), attrs)]
    if row.form.op in ACTIVATIONS:
        return [with_attrs(node, activation=row.form.op, alpha=0.0)]
    bare = with_attrs(node, activation="none", alpha=0.0)
    name = f"{node.name}.hard"
    while name in taken:
        name += "_"
    taken.add(name)
    return [bare, make_node(name, row.form.op, (node.name,), (node.type,), attrs)]


def _with_whole_gelu(graph: Graph) -> Graph:
    """The graph with a GELU that was written in parts as one node."""
    parts = {"erf", "tanh"}
    return fuse_gelu(graph) if any(node.op in parts for node in graph.nodes) else graph
