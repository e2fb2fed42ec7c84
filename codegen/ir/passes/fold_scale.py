"""Folds multiplications and additions of constants into the layer or norm before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import rewire, sole_user, until_settled
from codegen.ir.weight import Weight

Array = npt.NDArray[np.float64]

_SCALES = frozenset({"mul", "div"})
_SHIFTS = frozenset({"add", "sub"})
_LAYERS = frozenset({"conv", "linear"})


def fold_scale(graph: Graph) -> Graph:
    """Scale and shift filters, or a batch norm, by one constant a channel or one for all.

    Exporters write biases as additions and the two halves of an old batch norm as a norm, a
    multiplication and an addition. Folds where nobody else reads the layer's value, the layer has
    no activation and no residual, and the result is finite. Masks stay.
    """
    return until_settled(graph, _fold_once)


def _fold_once(graph: Graph) -> Graph:
    folded: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    added: dict[str, Weight] = {}
    for node in graph.nodes:
        found = _layer_and_factor(graph, node)
        if found is None or found[0].name in folded:
            continue
        layer, values = found
        changed = _changed(graph, layer, node, values)
        if not all(np.isfinite(weight.values).all() for weight in changed.values()):
            continue
        roles = layer.weights
        for role, weight in changed.items():
            key = f"{layer.name}.{role}.scaled"
            while key in graph.weights or key in added:
                key += "'"
            added[key] = weight
            roles[role] = key
        order = ("weight", "bias") if layer.op in _LAYERS else tuple(layer.weights)
        items = tuple((role, roles[role]) for role in order if role in roles)
        folded[layer.name] = replace(layer, weight_items=items)
        renamed[node.name] = layer.name
    nodes = [folded.get(node.name, node) for node in graph.nodes if node.name not in renamed]
    read = {name for node in nodes for name in node.inputs} | set(graph.outputs)
    kept = [node for node in nodes if node.op != "constant" or node.name in read]
    return rewire(graph, kept, renamed, added)


def _layer_and_factor(graph: Graph, node: Node) -> tuple[Node, Array] | None:
    """The layer before a scale or shift, and its constant of one value a channel."""
    if node.op not in _SCALES | _SHIFTS:
        return None
    if "activation" in node.attrs and node.text("activation") != "none":
        return None
    for index in (0, 1):
        layer = graph.by_name.get(node.inputs[index])
        other = graph.by_name.get(node.inputs[1 - index])
        if layer is None or other is None or other.op != "constant":
            continue
        # Constants are divided and subtracted, never what divides or is subtracted from them.
        if node.op in {"div", "sub"} and index == 1:
            continue
        if sole_user(graph, layer.name) is not node or not _takes(layer) or layer.type != node.type:
            continue
        values = graph.weights[other.weights["value"]].values.astype(np.float64)
        channels = _per_channel(values, node.type.shape)
        if channels is not None:
            return layer, channels
    return None


def _takes(layer: Node) -> bool:
    if layer.op == "batch_norm":
        return True
    is_plain = layer.op in _LAYERS and len(layer.inputs) == 1
    return is_plain and layer.text("activation") == "none"


def _per_channel(values: Array, shape: tuple[int, ...]) -> Array | None:
    """One value for each item of axis 1, where the constant varies along no other axis."""
    sizes = (1,) * (len(shape) - values.ndim) + values.shape
    if len(sizes) < 2 or any(size != 1 for axis, size in enumerate(sizes) if axis != 1):
        return None
    return np.broadcast_to(values.reshape(-1), (shape[1],))


def _changed(graph: Graph, layer: Node, node: Node, values: Array) -> dict[str, Weight]:
    """Weights of the layer that another scale or shift gives it."""
    scale = values if node.op == "mul" else 1 / values if node.op == "div" else None
    shift = -values if node.op == "sub" else values
    slope, offset = ("gamma", "beta") if layer.op == "batch_norm" else ("weight", "bias")
    stored = graph.weight(layer, offset)
    old = np.zeros(len(values)) if stored is None else stored.values.astype(np.float64)
    with np.errstate(all="ignore"):
        if scale is None:
            return {offset: Weight((old + shift).astype(np.float32))}
        weight = graph.weights[layer.weights[slope]]
        per_filter = scale.reshape(-1, *[1] * (weight.values.ndim - 1))
        scaled = Weight((weight.values * per_filter).astype(np.float32), weight.mask)
        if stored is None:
            return {slope: scaled}
        return {slope: scaled, offset: Weight((old * scale).astype(np.float32))}
