"""The shape of a layer as the key of a latency table: layers of one shape share their entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes import optimize


def layer_signatures(graph: Graph, layers: Iterable[str]) -> dict[str, str]:
    """Signature of each layer: what decides its time beside the choice made for it.

    That is the operation with its sizes, and what is fused behind it in the dense net. Weights do
    not count, so tables fit every training of a net, and other nets with layers of that shape.

    Args:
        graph: the dense net, as trained.
        layers: names of convolutions and fully connected layers of it.
    """
    fused = optimize(graph)
    return {
        name: _signature(fused, fused.by_name.get(name), graph, graph.by_name[name])
        for name in layers
    }


def net_digest(signatures: Mapping[str, str]) -> str:
    """16 hex digits for the searched layers of a net, in their order."""
    text = json.dumps(list(signatures.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _signature(fused: Graph, node: Node | None, graph: Graph, plain: Node) -> str:
    if node is None:  # a pass gave the layer another name
        fused, node = graph, plain
    weight = fused.weights[node.weights["weight"]].values.shape
    parts = [node.op, _sizes(fused.type_of(node.inputs[0]).shape[1:], node.type.shape[1:])]
    if node.op == "conv":
        parts.append("x".join(map(str, weight[2:])))
        stride, dilation = node.integers("stride"), node.integers("dilation")
        parts += [f"stride {max(stride)}"] if max(stride) > 1 else []
        parts += [f"dilation {max(dilation)}"] if max(dilation) > 1 else []
        groups = node.integer("groups")
        parts += [f"groups {groups}"] if groups > 1 else []
    if len(node.inputs) == 2:
        parts.append("add")
    if node.text("activation") not in ("", "none", "identity"):
        parts.append(node.text("activation"))
    return ", ".join(parts)


def _sizes(read: tuple[int, ...], written: tuple[int, ...]) -> str:
    return f"{'x'.join(map(str, read))} to {'x'.join(map(str, written))}"
