"""Which values of a graph are rectified, for guided back-propagation."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.node import Node

RECTIFIERS = frozenset(
    {
        "relu",
        "relu6",
        "leaky_relu",
        "hard_swish",
        "silu",
        "elu",
        "mish",
        "gelu",
        "gelu_tanh",
        "softplus",
    }
)
"""Activations that let what is positive through and hold the rest back, entirely or mostly.

Sigmoids and tanh are gates and squashings: their value says nothing about "on" and "off", so their
gradient is left as it is.
"""


def rectified_values(graph: Graph) -> tuple[str, ...]:
    """Names of the nodes whose value comes out of a rectifier, fused or alone, in order."""
    return tuple(node.name for node in graph.nodes if is_rectifier(node))


def is_rectifier(node: Node) -> bool:
    """Whether a node is a rectifier or has one fused behind it; a clip from 0 up is a ReLU too."""
    if node.op == "clip":
        return node.number("low") == 0.0
    return node.op in RECTIFIERS or node.attrs.get("activation") in RECTIFIERS
