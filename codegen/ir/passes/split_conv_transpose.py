"""Rewrites a transposed convolution as a plain one at stride 1 whose filters make all phases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, prod

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.node import AttrValue, Node
from codegen.ir.node_factory import make_node
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight


def split_conv_transpose(graph: Graph) -> Graph:
    """Every `conv_transpose` becomes a convolution, and where it has strides a pixel shuffle.

    Along one axis, output element o = stride * q + r gathers weight k from input element
    (o + padding - dilation * k) / stride where that is whole. So all outputs of one phase r are a
    convolution at stride 1 with every stride-th weight; the phases of a filter become filters of
    one convolution, whose kernel spans the taps of all (Dumoulin and Visin, "A guide to
    convolution arithmetic", 2016, section 4.6, without the zeros it inserts). Taps that a phase
    does not have are zeros, which sparse formats leave out.
    """
    nodes: list[Node] = []
    added: dict[str, Weight] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        moved = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        if node.op != "conv_transpose":
            nodes.append(moved)
            continue
        x = graph.type_of(node.inputs[0])
        kernel = graph.weights[node.weights["weight"]].values.shape[2:]
        pairs = zip(x.shape[2:], kernel, strict=True)
        axes = [_axis(node, index, *pair) for index, pair in enumerate(pairs)]
        keys, stored = _phase_weights(graph, node, axes)
        added |= stored
        made = [_conv(moved, x, axes, keys, stored)]
        for op, attrs in _shuffle(node, axes):
            before = made[-1]
            name = _free(f"{node.name}.{op}", graph, made)
            made.append(make_node(name, op, (before.name,), (before.type,), attrs))
        nodes += made
        renamed[node.name] = made[-1].name
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return graph.with_weights(added).with_nodes(nodes, outputs)


@dataclass(frozen=True)
class _Axis:
    """One spatial axis of the convolution at stride 1.

    Attributes:
        stride: number of phases: the stride, or fewer where the output ends before.
        kernel: taps of the convolution.
        size: outputs of each phase.
        padding: zeros before and behind.
        taps: of each phase: pairs of a tap and the weight it takes.
    """

    stride: int
    kernel: int
    size: int
    padding: tuple[int, int]
    taps: tuple[tuple[tuple[int, int], ...], ...]


def _conv(
    node: Node,
    x: TensorType,
    axes: list[_Axis],
    keys: dict[str, str],
    stored: dict[str, Weight],
) -> Node:
    """The convolution that makes all phases; it keeps the layer's name."""
    sides = [axis.padding for axis in axes]
    attrs: dict[str, AttrValue] = {
        "stride": (1,) * len(axes),
        "padding": (*(side[0] for side in sides), *(side[1] for side in sides)),
        "dilation": (1,) * len(axes),
        "groups": node.integer("groups"),
        "activation": node.text("activation"),
        "alpha": node.number("alpha"),
    }
    return make_node(node.name, "conv", node.inputs, (x,), attrs, keys, stored)


def _shuffle(node: Node, axes: list[_Axis]) -> Iterator[tuple[str, dict[str, tuple[int, ...]]]]:
    """What puts (group, phase, filter of the group, position) to (filter, position and phase)."""
    rank, groups = len(axes), node.integer("groups")
    batch, filters, *wanted = node.type.shape
    strides, sizes = [axis.stride for axis in axes], [axis.size for axis in axes]
    if prod(strides) > 1:
        yield "reshape", {"shape": (batch, groups, *strides, filters // groups, *sizes)}
        pairs = [(3 + rank + axis, 2 + axis) for axis in range(rank)]
        yield "transpose", {"perm": (0, 1, 2 + rank, *(axis for pair in pairs for axis in pair))}
    whole = [axis.size * axis.stride for axis in axes]
    if prod(strides) > 1:
        yield "reshape", {"shape": (batch, filters, *whole)}
    if whole != wanted:
        none, axes_of_it = (0,) * rank, tuple(range(2, 2 + rank))
        cut = {"axes": axes_of_it, "starts": none, "sizes": tuple(wanted), "steps": (1,) * rank}
        yield "slice", cut


def _phase_weights(
    graph: Graph, node: Node, axes: list[_Axis]
) -> tuple[dict[str, str], dict[str, Weight]]:
    """Filters (group, phase, filter of the group), so that neighbours have the same taps."""
    groups = node.integer("groups")
    values = graph.weights[node.weights["weight"]].values
    inputs, inner = values.shape[0] // groups, values.shape[1]
    strides, kernel = [axis.stride for axis in axes], [axis.kernel for axis in axes]
    spread = np.zeros((groups, *strides, inner, inputs, *kernel), dtype=np.float32)
    by_group = values.reshape(groups, inputs, *values.shape[1:])
    alls = (slice(None), slice(None), slice(None))
    for phase in product(*(range(stride) for stride in strides)):
        for chosen in product(*(axis.taps[at] for axis, at in zip(axes, phase, strict=True))):
            source: tuple[slice | int, ...] = (*alls, *(place for _, place in chosen))
            taps = (tap for tap, _ in chosen)
            target: tuple[slice | int, ...] = (slice(None), *phase, *alls[:2], *taps)
            spread[target] = by_group[source].transpose(0, 2, 1)
    roles = {"weight": spread.reshape(-1, inputs, *kernel)}
    bias = graph.weight(node, "bias")
    if bias is not None:
        parts = bias.values.reshape(groups, 1, inner)
        roles["bias"] = np.broadcast_to(parts, (groups, prod(strides), inner)).reshape(-1)
    keys = {role: _free_key(f"{node.name}.{role}.phases", graph) for role in roles}
    return keys, {keys[role]: Weight(array) for role, array in roles.items()}


def _free(wanted: str, graph: Graph, made: list[Node]) -> str:
    taken = {*graph.by_name, *(name for name, _ in graph.inputs), *(node.name for node in made)}
    while wanted in taken:
        wanted += "'"
    return wanted


def _free_key(wanted: str, graph: Graph) -> str:
    while wanted in graph.weights:
        wanted += "'"
    return wanted


def _axis(node: Node, index: int, size: int, kernel: int) -> _Axis:
    stride, dilation = node.integers("stride")[index], node.integers("dilation")[index]
    before = node.integers("padding")[index]
    out = node.type.shape[2 + index]
    found: list[list[tuple[int, int]]] = []
    # Phases behind the last output are not made.
    phases = min(stride, out)
    for phase in range(phases):
        reach = [(phase + before - dilation * k, k) for k in range(kernel)]
        found.append([(at // stride, k) for at, k in reach if at % stride == 0])
    offsets = [offset for taps in found for offset, _ in taps]
    # A kernel must start at or before the output's own position: padding is never negative.
    first, last = min([0, *offsets]), max([0, *offsets])
    count = max(ceil(out / stride), size - last)
    return _Axis(
        stride=phases,
        kernel=last - first + 1,
        size=count,
        padding=(-first, count + last - size),
        taps=tuple(tuple((offset - first, k) for offset, k in taps) for taps in found),
    )
