"""Computes at compile time what depends on constants alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from codegen.ir.graph import Graph
from codegen.ir.movement_shapes import slice_places
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.ops import ACTIVATIONS
from codegen.ir.passes.pointwise_values import ACTIVATION_VALUES, BINARY_VALUES, FUNCTION_VALUES
from codegen.ir.weight import Weight

Array = npt.NDArray[np.float64]


def _softmax(node: Node, x: Array) -> Array:
    axis = node.integer("axis")
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True))


def _pad(node: Node, x: Array) -> Array:
    padding, mode = node.integers("padding"), node.text("mode")
    axes = len(padding) // 2
    sides = [(0, 0)] * (x.ndim - axes) + list(zip(padding[:axes], padding[axes:], strict=True))
    if mode == "constant":
        return np.pad(x, sides, constant_values=node.number("value"))
    return np.asarray(np.pad(x, sides, mode=mode))  # type: ignore[call-overload]


def _slice(node: Node, x: Array) -> Array:
    lists = slice_places(x.shape, node.attrs)
    places = [first + step * np.arange(size) for first, size, step in zip(*lists, strict=True)]
    return np.asarray(x[np.ix_(*places)]) if places else x


def _activated(node: Node, x: Array) -> Array:
    """An activation that is a node of its own."""
    if node.op == "hard_sigmoid":
        return np.clip(x * node.number("alpha") + node.number("beta"), 0, 1)
    return ACTIVATION_VALUES[node.op](x, _slope(node))


def _binary(node: Node, left: Array, right: Array) -> Array:
    value = BINARY_VALUES[node.op](left, right)
    if "activation" not in node.attrs:
        return value
    return ACTIVATION_VALUES[node.text("activation")](value, _slope(node))


def _reduced(function: Callable[..., Array], node: Node, values: list[Array]) -> Array:
    axes, keep = node.integers("axes"), bool(node.attrs["keep"])
    return np.asarray(function(values[0], axis=axes, keepdims=keep))


def _slope(node: Node) -> float:
    return node.number("alpha") if "alpha" in node.attrs else 0.0


_ARITHMETIC: dict[str, Callable[[Node, list[Array]], Array]] = {
    "clip": lambda n, v: np.clip(v[0], n.number("low"), n.number("high")),
    "concat": lambda n, v: np.concatenate(v, n.integer("axis")),
    "flatten": lambda n, v: v[0].reshape(n.type.shape),
    "reshape": lambda n, v: v[0].reshape(n.type.shape),
    "transpose": lambda n, v: v[0].transpose(n.integers("perm")),
    "slice": lambda n, v: _slice(n, v[0]),
    "expand": lambda n, v: np.broadcast_to(v[0], n.type.shape),
    "gather": lambda n, v: np.take(v[0], n.integers("indices"), axis=n.integer("axis")),
    "identity": lambda _, v: v[0],
    "dropout": lambda _, v: v[0],
    "pad": lambda n, v: _pad(n, v[0]),
    "softmax": lambda n, v: _softmax(n, v[0]),
    "matmul": lambda _, v: np.asarray(v[0] @ v[1]),
    **{
        f"reduce_{name}": partial(_reduced, function)
        for name, function in (("mean", np.mean), ("sum", np.sum), ("max", np.max), ("min", np.min))
    },
    **dict.fromkeys(BINARY_VALUES, lambda n, v: _binary(n, v[0], v[1])),
    **dict.fromkeys(ACTIVATIONS, lambda n, v: _activated(n, v[0])),
    **dict.fromkeys(FUNCTION_VALUES, lambda n, v: FUNCTION_VALUES[n.op](v[0])),
}
"""What an operation does to constants; layers and pools of constants are left as they are."""


def fold_constants(graph: Graph) -> Graph:
    """Replace nodes of constant inputs by constants, and drop constants nobody reads.

    Computed in double precision; a result that is not finite in single precision is left alone.
    """
    values = {
        node.name: graph.weights[node.weights["value"]].values.astype(np.float64)
        for node in graph.nodes
        if node.op == "constant"
    }
    nodes: list[Node] = []
    added: dict[str, Weight] = {}
    taken = set(graph.weights)
    for node in graph.nodes:
        known = [values[name] for name in node.inputs if name in values]
        if node.op not in _ARITHMETIC or len(known) != len(node.inputs):
            nodes.append(node)
            continue
        with np.errstate(all="ignore"):
            result = _ARITHMETIC[node.op](node, known).astype(np.float32)
        if not np.isfinite(result).all():
            nodes.append(node)
            continue
        key = node.name
        while key in taken:
            key += ".folded"
        taken.add(key)
        added[key] = Weight(result)
        values[node.name] = result.astype(np.float64)
        nodes.append(make_node(node.name, "constant", (), (), {}, {"value": key}, added))
    read = {name for node in nodes for name in node.inputs} | set(graph.outputs)
    kept = [node for node in nodes if node.op != "constant" or node.name in read]
    return graph.with_weights(added).with_nodes(kept)
