"""Fuses a residual addition into the convolution that makes one of its operands."""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import rewire, sole_user, with_attrs
from codegen.ir.window_shapes import is_picture


def fuse_add(graph: Graph) -> Graph:
    """Give a convolution the other operand of its addition as second input.

    Fuses where both operands have the same type and the addition is the convolution's only reader;
    of two such convolutions the later one takes the other's value. The fused convolution stands
    where the addition stood, so its residual is always made before it.
    """
    order = {node.name: index for index, node in enumerate(graph.nodes)}
    at_addition: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    fused: set[str] = set()
    for addition in graph.nodes:
        if addition.op != "add" or addition.inputs[0] == addition.inputs[1]:
            continue
        if graph.type_of(addition.inputs[0]) != graph.type_of(addition.inputs[1]):
            continue
        convs = [
            graph.by_name[name]
            for name in addition.inputs
            if _takes_residual(graph, name, addition)
        ]
        if not convs:
            continue
        conv = max(convs, key=lambda node: order[node.name])
        (residual,) = (name for name in addition.inputs if name != conv.name)
        whole = replace(conv, inputs=(conv.inputs[0], residual))
        at_addition[addition.name] = with_attrs(
            whole, activation=addition.text("activation"), alpha=addition.number("alpha")
        )
        renamed[addition.name] = conv.name
        fused.add(conv.name)
    nodes = [at_addition.get(n.name, n) for n in graph.nodes if n.name not in fused]
    return rewire(graph, nodes, renamed)


def _takes_residual(graph: Graph, name: str, addition: Node) -> bool:
    node = graph.by_name.get(name)
    return (
        node is not None
        and node.op == "conv"
        and is_picture(node.type)
        and len(node.inputs) == 1
        and node.text("activation") == "none"
        and sole_user(graph, name) == addition
    )
