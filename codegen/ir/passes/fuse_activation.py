"""Fuses a pointwise activation into the convolution, linear layer or addition before it."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, GATE
from codegen.ir.passes.rewiring import rewire, sole_user, with_attrs
from codegen.ir.window_shapes import is_picture

_HOSTS = frozenset({"conv", "conv_transpose", "linear", "add"})
_WITH_SLOPE = frozenset({"leaky_relu", "elu"})
_CONVOLUTIONS = frozenset({"conv", "conv_transpose"})


def fuse_activation(graph: Graph) -> Graph:
    """Move an activation into its producer where it is the producer's only reader."""
    hosts: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for host in graph.nodes:
        activation = sole_user(graph, host.name)
        if activation is None or activation.op not in ACTIVATIONS:
            continue
        if host.op not in _HOSTS or host.text("activation") != "none":
            continue
        if host.op in _CONVOLUTIONS and not is_picture(host.type):
            continue
        if activation.op == "hard_sigmoid" and activation.attrs != GATE:
            continue
        alpha = activation.number("alpha") if activation.op in _WITH_SLOPE else 0.0
        hosts[host.name] = with_attrs(host, activation=activation.op, alpha=alpha)
        renamed[activation.name] = host.name
    nodes = [hosts.get(node.name, node) for node in graph.nodes if node.name not in renamed]
    return rewire(graph, nodes, renamed)
