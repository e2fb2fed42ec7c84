"""Checks every rule of the IR; run after each pass in tests and after every import."""

from __future__ import annotations

from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.node_factory import make_node
from codegen.ir.tensor import TensorType


def verify_graph(graph: Graph) -> None:
    """Raise GraphError naming the first node that breaks a rule.

    Rules: names unique, nodes in topological order, outputs exist, axes positive, every weight key
    stored and used, and each node is exactly what `make_node` would build (arity, attributes,
    roles, inferred type).
    """
    types: dict[str, TensorType] = {}
    for name, tensor_type in graph.inputs:
        if name in types:
            msg = f"the name {name!r} is used twice"
            raise GraphError(msg)
        if any(size < 1 for size in tensor_type.shape):
            msg = f"input {name!r} is {tensor_type}: every axis must be positive"
            raise GraphError(msg)
        types[name] = tensor_type
    used: set[str] = set()
    for node in graph.nodes:
        if node.name in types:
            msg = f"the name {node.name!r} is used twice"
            raise GraphError(msg)
        for source in node.inputs:
            if source not in types:
                msg = f"node {node.name!r} reads {source!r}, which no earlier node makes"
                raise GraphError(msg)
        for _, key in node.weight_items:
            if key not in graph.weights:
                msg = f"node {node.name!r} uses the weight {key!r}, which is not stored"
                raise GraphError(msg)
            used.add(key)
        input_types = tuple(types[source] for source in node.inputs)
        rebuilt = make_node(
            node.name, node.op, node.inputs, input_types, node.attrs, node.weights, graph.weights
        )
        if rebuilt != node:
            msg = f"node {node.name!r} ({node.op}) is not what its parts say: {rebuilt.type}"
            raise GraphError(msg)
        types[node.name] = node.type
    for output in graph.outputs:
        if output not in types:
            msg = f"output {output!r} does not exist"
            raise GraphError(msg)
    stray = sorted(set(graph.weights) - used)
    if stray:
        msg = f"weight {stray[0]!r} is used by no node"
        raise GraphError(msg)
