"""What stands behind a convolution up to its activation, as far as it is affine.

A convolution's error counts where the activation lets it through, and a sum behind it can make up
for what the other branch has lost: both are known from the nodes that follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from codegen.ir.graph import Graph
from codegen.ir.node import Node

_BOUNDS = {"relu": (0.0, inf), "relu6": (0.0, 6.0)}


@dataclass(frozen=True)
class Follower:
    """The chain convolution, batch norm, addition or none, activation or none.

    Attributes:
        norm: the batch norm that alone reads the convolution.
        addition: the sum that alone reads the norm, of two values of one shape.
        other: what it adds to the norm's output.
        low: what the activation behind makes of everything smaller is `low` itself.
        high: the same for everything larger. Infinite where there is no such activation.
    """

    norm: Node
    addition: Node | None = None
    other: str | None = None
    low: float = -inf
    high: float = inf

    @property
    def is_bounded(self) -> bool:
        """Whether an activation hides part of the error."""
        return self.low > -inf or self.high < inf


def follower(graph: Graph, node: Node) -> Follower | None:
    """What follows a convolution, or None where no batch norm alone reads it."""
    norm = _only_reader(graph, node)
    if norm is None or norm.op != "batch_norm" or _is_fused(norm):
        return None
    reader = _only_reader(graph, norm)
    if reader is None:
        return Follower(norm)
    addition, other = None, None
    if reader.op == "add" and not _is_fused(reader):
        others = [name for name in reader.inputs if name != norm.name]
        if len(others) != 1 or graph.type_of(others[0]).shape != norm.type.shape:
            return Follower(norm)
        addition, other = reader, others[0]
        reader = _only_reader(graph, addition)
    low, high = _BOUNDS.get(reader.op if reader is not None else "", (-inf, inf))
    return Follower(norm, addition, other, low, high)


def _only_reader(graph: Graph, node: Node) -> Node | None:
    readers = graph.users[node.name]
    return readers[0] if len(readers) == 1 and node.name not in graph.outputs else None


def _is_fused(node: Node) -> bool:
    """Whether an activation is part of the node, so that its sum is never seen."""
    return node.attrs.get("activation", "none") != "none"


def absorber(graph: Graph, node: Node) -> tuple[str, int] | None:
    """Weight key that takes a filter's intercept and its sign, or None where nothing can.

    A bias takes it whole (1); the mean of a batch norm that alone reads the layer is moved against
    it (-1).
    """
    if "bias" in node.weights:
        return node.weights["bias"], 1
    reader = _only_reader(graph, node)
    if reader is not None and reader.op == "batch_norm":
        return reader.weights["mean"], -1
    return None
