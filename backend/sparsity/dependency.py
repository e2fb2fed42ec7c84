"""Filters that go together, and what other layers lose with them.

Dependency groups as DepGraph finds them (Fang et al., CVPR 2023): filters that are added to each
other, that a depthwise layer takes one by one, and the channels of the layers that read them. The
layers of a group rank their filters together, so the sets they keep lie inside each other even
where their rates differ: across an addition a channel goes when its mildest layer lets it go, along
a depthwise layer when the first one does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backend.sparsity.schemes.structure import BoolArray, FloatArray, IntArray
from codegen.ir.channel_flow import unread_classes
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import BINARY
from codegen.ir.weight import Weight


def dependency_groups(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Names of layers whose filters go together, in the order of the graph; alone is a group too.

    Layers whose filters are outputs of the net are in none: nothing can go there.
    """
    flow = graph.channels
    groups: list[tuple[set[int], list[str]]] = []
    for name, classes in flow.filters.items():
        if flow.is_output[classes].any():
            continue
        mine, layers = set(classes.tolist()), [name]
        apart = []
        for group in groups:
            if mine.isdisjoint(group[0]):
                apart.append(group)
            else:
                mine, layers = mine | group[0], group[1] + layers
        groups = [*apart, (mine, layers)]
    order = {node.name: index for index, node in enumerate(graph.nodes)}
    named = [tuple(sorted(layers, key=order.__getitem__)) for _, layers in groups]
    return tuple(sorted(named, key=lambda layers: order[layers[0]]))


def why_filters_stay(graph: Graph, node: Node) -> str | None:
    """Why no filter of a layer may go, or None where some may."""
    classes = graph.channels.filters.get(node.name)
    if classes is not None and graph.channels.is_output[classes].any():
        return "its filters are outputs of the net"
    return None


def joint_scores(graph: Graph, scores: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Scores of filters (filters,) summed over all layers whose filters go together.

    Each layer's scores are taken as shares of its total, so that every layer has an equal say.
    """
    classes = graph.channels.filters
    total = np.zeros(len(graph.channels.is_fixed))
    for name, values in scores.items():
        if name in classes:
            np.add.at(total, classes[name], values / max(float(values.sum()), 1e-30))
    return {
        name: total[classes[name]].astype(np.float32) if name in classes else values
        for name, values in scores.items()
    }


def removal_masks(graph: Graph, kept: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
    """What may stay of every layer's weight once some filters are gone.

    Channels of a removed filter are masked in all layers that read them, and filters that nobody
    reads any more with them: `remove_dead_channels` then takes them out of the compiled net. What
    the removed channels held as constants (a bias, batch norm's shift) is dropped with them, not
    folded: at borders it could not be; repair and batch norm's new statistics make up for it.

    Args:
        graph: the dense graph.
        kept: filters that stay, (filters,), by name of the layers that lose some.

    Returns:
        Masks by layer, of the weight's shape; layers that lose nothing are left out.
    """
    flow, gone = graph.channels, _gone_channels(graph, kept)
    masks: dict[str, BoolArray] = {}
    for name in dict.fromkeys((*flow.filters, *kept)):
        node = graph.by_name[name]
        weight = graph.weights[node.weights["weight"]].values
        masks[name] = np.ones(weight.shape, dtype=bool)
        if name in kept:
            masks[name][~kept[name]] = False
        if name in flow.columns:
            masks[name][:, _without_all(gone[node.inputs[0]], weight)] = False
        elif _is_depthwise(graph, node):
            masks[name][gone[node.inputs[0]]] = False
    dead = unread_classes(_masked(graph, masks))
    for name, classes in flow.filters.items():
        alive = ~dead[classes].reshape(-1, *[1] * (masks[name].ndim - 1))
        masks[name] = masks[name] & alive
    return {name: mask for name, mask in masks.items() if not mask.all()}


def _masked(graph: Graph, masks: Mapping[str, BoolArray]) -> Graph:
    changed = {}
    for name, mask in masks.items():
        key = graph.by_name[name].weights["weight"]
        changed[key] = Weight(graph.weights[key].values, mask)
    return graph.with_weights(changed)


def _is_depthwise(graph: Graph, node: Node) -> bool:
    """Whether a layer's filters are the channels it reads."""
    flow = graph.channels
    if node.name in flow.columns or node.name not in flow.filters:
        return False
    return np.array_equal(flow.filters[node.name], flow.values.get(node.inputs[0], ()))


def _gone_channels(graph: Graph, kept: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
    """Channels of every value that hold nothing but constants of removed filters."""
    flow = graph.channels
    gone = {name: np.zeros(len(flow.values[name]), bool) for name, _ in graph.inputs}
    for node in graph.nodes:
        classes = flow.values.get(node.name)
        if classes is None or node.op == "constant":
            continue
        sources = [name for name in node.inputs if name in gone]
        found = np.zeros(len(classes), bool)
        if node.name in flow.filters:
            if node.name in kept:
                found = ~kept[node.name]
            if _is_depthwise(graph, node):
                found = found | gone[node.inputs[0]]
        elif node.op == "concat" and sum(len(gone[name]) for name in sources) == len(classes):
            found = np.concatenate([gone[name] for name in sources])
        elif len(sources) == 2 and node.op in BINARY:
            found = _both(graph, node, [gone[name] for name in sources], len(classes))
        elif sources:
            found = _carried(flow.values[sources[0]], gone[sources[0]], classes)
        gone[node.name] = found
    return gone


def _both(graph: Graph, node: Node, sources: list[BoolArray], channels: int) -> BoolArray:
    """A sum is gone where both are; what a gate of one pixel scales, where that is."""
    shapes = [graph.type_of(name).shape for name in node.inputs]
    if node.op == "mul" and shapes[0] != shapes[1] and node.type.shape in shapes:
        return sources[shapes.index(node.type.shape)]
    if any(len(source) != channels for source in sources):
        return np.zeros(channels, bool)
    return np.logical_and(*sources)


def _carried(before: IntArray, gone: BoolArray, after: IntArray) -> BoolArray:
    """Channels of a value that one node makes of another's, by their classes."""
    stays = set(before[~gone].tolist())
    lost = np.array(sorted(set(before[gone].tolist()) - stays), np.int64)
    return np.isin(after, lost)


def _without_all(gone: BoolArray, weight: FloatArray) -> BoolArray:
    """The channels to mask; the strongest stays where a layer would be left with none."""
    if not gone.all():
        return gone
    energy = (weight**2).sum(axis=tuple(axis for axis in range(weight.ndim) if axis != 1))
    left = gone.copy()
    left[energy.argmax()] = False
    return left
