"""Takes away channels that no layer reads: filters, their biases and norms, depthwise kernels."""

from __future__ import annotations

import numpy as np

from codegen.ir.channel_flow import BoolArray, ChannelFlow, unread_classes
from codegen.ir.graph import Graph
from codegen.ir.node import AttrValue, Node
from codegen.ir.node_factory import make_node
from codegen.ir.shared_positions import shared_positions
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight


def remove_dead_channels(graph: Graph) -> Graph:
    """Shrink layers to the channels that something reads.

    Exact whatever a removed channel holds, since only weights of zero read it. Filters that read
    nothing but removed channels stay: they still make their bias. So do all filters of a layer
    whose bands share positions and would not any more: what they share is worth more.
    """
    if not _may_have_unread(graph):
        return graph
    wanted = np.zeros(len(graph.channels.is_fixed), dtype=bool)
    while True:
        dead = unread_classes(graph, wanted)
        torn = _torn_bands(graph, dead)
        if not torn.any():
            break
        wanted |= torn
    if not dead.any():
        return graph
    return _Shrinking(graph, graph.channels, ~dead).run()


def _may_have_unread(graph: Graph) -> bool:
    """Whether some layer ignores an input channel: told before anything costly is worked out."""
    for node in graph.nodes:
        if node.op in {"conv", "linear"}:
            weight = graph.weights[node.weights["weight"]].values
            if not weight.any(axis=tuple(axis for axis in range(weight.ndim) if axis != 1)).all():
                return True
    return False


def _torn_bands(graph: Graph, dead: BoolArray) -> BoolArray:
    """Classes of the layers whose filters share positions in narrower bands without the dead."""
    torn = np.zeros(len(dead), dtype=bool)
    for name, classes in graph.channels.filters.items():
        kept = ~dead[classes]
        if kept.all():
            continue
        weight = graph.weights[graph.by_name[name].weights["weight"]].values
        used = weight.reshape(len(weight), -1) != 0
        left = used[kept]
        if (left != left[:1]).any() and shared_positions(left) < shared_positions(used):
            torn[classes] = True
    return torn


class _Shrinking:
    """Builds every node again with the channels that stay."""

    def __init__(self, graph: Graph, flow: ChannelFlow, stays: BoolArray) -> None:
        self._graph = graph
        self._kept = {name: stays[classes] for name, classes in flow.values.items()}
        self._columns = {name: stays[classes] for name, classes in flow.columns.items()}
        self._constants = flow.constants
        self._types: dict[str, TensorType] = dict(graph.inputs)
        self._weights = dict(graph.weights)

    def run(self) -> Graph:
        """The smaller graph."""
        nodes = []
        for node in self._graph.nodes:
            for role, key in node.weight_items:
                self._weights[key] = self._cut(node, role, self._graph.weights[key])
            types = tuple(self._types[name] for name in node.inputs)
            made = make_node(
                node.name,
                node.op,
                node.inputs,
                types,
                self._attrs(node),
                node.weights,
                self._weights,
            )
            self._types[node.name] = made.type
            nodes.append(made)
        return self._graph.with_weights(self._weights).with_nodes(nodes)

    def _cut(self, node: Node, role: str, weight: Weight) -> Weight:
        kept = self._kept.get(node.name)
        if node.op == "constant":
            axis = self._constants.get(node.name)
            return weight if kept is None or axis is None else _taken(weight, kept, axis)
        if kept is None or node.op not in {"conv", "linear", "batch_norm", "instance_norm"}:
            return weight
        weight = _taken(weight, kept, 0)
        if role == "weight" and node.name in self._columns:
            weight = _taken(weight, self._columns[node.name], 1)
        return weight

    def _attrs(self, node: Node) -> dict[str, AttrValue]:
        attrs, kept = node.attrs, self._kept.get(node.name)
        if kept is None or kept.all():
            return attrs
        count = int(kept.sum())
        if node.op in {"reshape", "resize"}:
            shape = node.integers("shape")
            attrs["shape"] = (shape[0], count, *shape[2:])
        elif node.op == "conv" and node.name not in self._columns:
            attrs["groups"] = count
        return attrs


def _taken(weight: Weight, kept: BoolArray, axis: int) -> Weight:
    if kept.all():
        return weight
    mask = None if weight.mask is None else np.compress(kept, weight.mask, axis)
    return Weight(np.compress(kept, weight.values, axis), mask)
