"""Folds batch norm at inference into the convolution or linear layer before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import rewire, sole_user, until_settled
from codegen.ir.weight import Weight


def fold_batch_norm(graph: Graph) -> Graph:
    """Scale filters and shift biases by what batch norm would do to their outputs.

    Folds where the batch norm is the only reader of the layer's value, the layer has no activation
    and no fused residual, and the statistics give finite weights. Masks stay, so zeros stay zeros.
    """
    return until_settled(graph, _fold_once)  # a batch norm may follow another


def _fold_once(graph: Graph) -> Graph:
    folded: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    added: dict[str, Weight] = {}
    taken = set(graph.weights)
    key_uses = [key for node in graph.nodes for _, key in node.weight_items]
    for layer in graph.nodes:
        norm = sole_user(graph, layer.name)
        if norm is None or norm.op != "batch_norm" or not _can_fold(layer):
            continue
        weight, bias = _folded_weights(graph, layer, norm)
        if weight is None or bias is None:
            continue
        weight_key, bias_key = layer.weights["weight"], layer.weights.get("bias")
        if key_uses.count(weight_key) > 1:
            weight_key = _free_key(f"{layer.name}.weight", taken)
        if bias_key is None or key_uses.count(bias_key) > 1:
            bias_key = _free_key(f"{layer.name}.bias", taken)
        added[weight_key], added[bias_key] = weight, bias
        items = (("weight", weight_key), ("bias", bias_key))
        folded[layer.name] = replace(layer, weight_items=items)
        renamed[norm.name] = layer.name
    nodes = [folded.get(node.name, node) for node in graph.nodes if node.name not in renamed]
    return rewire(graph, nodes, renamed, added)


def _can_fold(layer: Node) -> bool:
    return (
        layer.op in {"conv", "conv_transpose", "linear"}
        and len(layer.inputs) == 1
        and layer.text("activation") == "none"
    )


def _folded_weights(graph: Graph, layer: Node, norm: Node) -> tuple[Weight | None, Weight | None]:
    """New weight and bias in double precision, or None where they would not be finite."""
    gamma, beta, mean, variance = (
        graph.weights[norm.weights[role]].values.astype(np.float64)
        for role in ("gamma", "beta", "mean", "variance")
    )
    weight = graph.weights[layer.weights["weight"]]
    old_bias = graph.weight(layer, "bias")
    bias = np.zeros_like(mean) if old_bias is None else old_bias.values.astype(np.float64)
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + norm.number("epsilon"))
        per_filter = scale.reshape(-1, *[1] * (weight.values.ndim - 1))
        if layer.op == "conv_transpose":
            # Weights are (input, filter of its group, ...): each group of inputs has its filters.
            inputs, groups = len(weight.values), layer.integer("groups")
            per_input = np.repeat(scale.reshape(groups, -1), inputs // groups, axis=0)
            per_filter = per_input.reshape(inputs, -1, *[1] * (weight.values.ndim - 2))
        values = (weight.values * per_filter).astype(np.float32)
        shift = ((bias - mean) * scale + beta).astype(np.float32)
    if not (np.isfinite(values).all() and np.isfinite(shift).all()):
        return None, None
    return Weight(values, weight.mask), Weight(shift)


def _free_key(wanted: str, taken: set[str]) -> str:
    key = wanted
    while key in taken:
        key += ".folded"
    taken.add(key)
    return key
