"""Which channels of a graph are one and the same, and which of them any layer reads.

A class is a set of channels that can only be removed together: a filter, the entries of batch norm
behind it, the filters it is added to, the columns of fully connected layers that read it flattened.
Rules as in DepGraph (Fang et al., CVPR 2023), found on axis 1 of our values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, BINARY, FUNCTIONS, REDUCTIONS

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_ALONG_CHANNELS = frozenset(
    {
        *ACTIVATIONS,
        *FUNCTIONS,
        *REDUCTIONS,
        *("clip", "identity", "dropout", "batch_norm", "instance_norm", "softmax", "log_softmax"),
        *("max_pool", "average_pool", "lp_pool", "global_average_pool", "pad", "resize", "slice"),
    }
)
"""Operations that make channel k of channel k alone, where the two leading axes stay."""

_RESHAPES = frozenset({"flatten", "reshape"})


@dataclass(frozen=True, eq=False)
class ChannelFlow:
    """Classes of channels, numbered from 0.

    Attributes:
        values: class of each item of axis 1 of every value that has one.
        filters: class of each filter of convolutions and fully connected layers.
        columns: class of each input channel such a layer sums over; depthwise layers sum over none.
        constants: axis of the classes of every constant that holds one number a channel.
        is_fixed: whether a class must stay: an output of the graph, or an operation mixes it.
        is_output: whether a class is seen in an output of the graph.
    """

    values: Mapping[str, IntArray]
    filters: Mapping[str, IntArray]
    columns: Mapping[str, IntArray]
    constants: Mapping[str, int]
    is_fixed: BoolArray
    is_output: BoolArray


def channel_flow(graph: Graph) -> ChannelFlow:
    """Follow every channel through the graph; `Graph.channels` keeps what this finds."""
    walk = _Walk(graph)
    for name, kind in graph.inputs:
        walk.fresh(name, kind.shape, is_fixed=True)
    for node in graph.nodes:
        walk.take(node)
    return walk.result()


def unread_classes(graph: Graph, wanted: BoolArray | None = None) -> BoolArray:
    """Classes that no layer's kept filters read and that need not stay: (classes,).

    Every value keeps a channel, if only one that nobody reads, and `wanted` classes stay, with all
    that their filters read.
    """
    flow = graph.channels
    reads = {
        name: (graph.weights[graph.by_name[name].weights["weight"]].values != 0)
        .reshape(len(flow.filters[name]), len(columns), -1)
        .any(axis=2)
        for name, columns in flow.columns.items()
    }
    stays = flow.is_fixed.copy() if wanted is None else flow.is_fixed | wanted
    while True:
        found = np.ones(len(stays), dtype=bool)
        alive = ~found
        while not np.array_equal(found, alive):
            alive, found = found, stays.copy()
            for name, columns in flow.columns.items():
                found[columns[reads[name][alive[flow.filters[name]]].any(axis=0)]] = True
        lost = [labels[0] for labels in flow.values.values() if not found[labels].any()]
        if not lost:
            return ~found
        stays[lost] = True


class _Walk:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._count = 0
        self._pairs: list[tuple[IntArray, IntArray]] = []
        self._fixed: list[IntArray] = []
        self._values: dict[str, IntArray] = {}
        self._filters: dict[str, IntArray] = {}
        self._columns: dict[str, IntArray] = {}
        self._constants: dict[str, int] = {}
        keys = [key for node in graph.nodes for _, key in node.weight_items]
        self._shared = {key for key in keys if keys.count(key) > 1} if _repeats(keys) else set()

    def take(self, node: Node) -> None:
        """Find the classes of a node's value; those before it are known."""
        if node.op == "constant":
            return
        handler: Callable[[Node], bool] | None = None
        if node.op in {"conv", "linear"}:
            handler = self._layer
        elif node.op in BINARY:
            handler = self._binary
        elif node.op == "concat":
            handler = self._concat
        elif node.op in _RESHAPES:
            handler = self._reshape
        elif node.op in _ALONG_CHANNELS:
            handler = self._along
        is_shared = any(key in self._shared for _, key in node.weight_items)
        if handler is None or is_shared or not handler(node):
            self._mix(node)

    def result(self) -> ChannelFlow:
        """Join what goes together and number the classes."""
        outputs = [self._values[n] for n in self._graph.outputs if n in self._values]
        self._fixed += outputs
        root = _joined(self._count, self._pairs)
        _, number = np.unique(root, return_inverse=True)
        classes = int(number.max()) + 1 if number.size else 0

        def named(items: Mapping[str, IntArray]) -> dict[str, IntArray]:
            return {name: number[labels] for name, labels in items.items()}

        def marked(parts: list[IntArray]) -> BoolArray:
            mark = np.zeros(classes, dtype=bool)
            for part in parts:
                mark[number[part]] = True
            return mark

        return ChannelFlow(
            named(self._values),
            named(self._filters),
            named(self._columns),
            self._constants,
            marked(self._fixed),
            marked(outputs),
        )

    def fresh(self, name: str, shape: tuple[int, ...], *, is_fixed: bool = False) -> None:
        """New classes for a value."""
        if len(shape) < 2:
            return
        labels = np.arange(self._count, self._count + shape[1])
        self._count += shape[1]
        self._values[name] = labels
        if is_fixed:
            self._fixed.append(labels)

    def _mix(self, node: Node) -> None:
        """An operation that may mix channels: what it reads and makes has to stay."""
        self._fixed += [self._values[name] for name in node.inputs if name in self._values]
        self.fresh(node.name, node.type.shape, is_fixed=True)
        if node.op == "conv" and node.name in self._values:
            self._filters[node.name] = self._values[node.name]

    def _layer(self, node: Node) -> bool:
        source = self._values.get(node.inputs[0])
        weight = self._graph.weights[node.weights["weight"]].values
        if source is None:
            return False
        if node.op == "linear" and len(node.type.shape) != 2:
            return False
        groups = node.integer("groups") if node.op == "conv" else 1
        if groups == 1:
            self.fresh(node.name, node.type.shape)
            self._columns[node.name] = source
        elif groups == len(source) == len(weight):
            self._values[node.name] = source
        else:
            return False
        self._filters[node.name] = self._values[node.name]
        if len(node.inputs) == 2:
            self._pair(node, node.inputs[1])
        return True

    def _pair(self, node: Node, other: str) -> None:
        """A value that is combined with the node's own, broadcast where it is smaller."""
        labels, mine = self._values.get(other), self._values[node.name]
        shape, source = self._graph.type_of(other).shape, self._graph.by_name.get(other)
        if source is not None and source.op == "constant":
            self._constant(node, other)
        elif labels is None or len(shape) != len(node.type.shape):
            self._fixed += [mine] if labels is None else [labels, mine]
        elif len(labels) == len(mine):
            self._pairs.append((labels, mine))
        else:
            self._fixed.append(labels)  # one channel for all

    def _constant(self, node: Node, name: str) -> None:
        shape, mine = self._graph.type_of(name).shape, self._values[node.name]
        axis = len(shape) - len(node.type.shape) + 1
        if axis < 0 or shape[axis] == 1:
            return
        if len(self._graph.users[name]) > 1 or name in self._graph.outputs:
            self._fixed.append(mine)
        else:
            self._constants[name], self._values[name] = axis, mine

    def _binary(self, node: Node) -> bool:
        widest = [
            name
            for name in node.inputs
            if name in self._values
            and self._graph.by_name.get(name, node).op != "constant"
            and self._graph.type_of(name).shape[:2] == node.type.shape[:2]
            and len(self._graph.type_of(name).shape) == len(node.type.shape)
        ]
        if not widest:
            return False
        self._values[node.name] = self._values[widest[0]]
        for name in node.inputs:
            if name != widest[0]:
                self._pair(node, name)
        return True

    def _concat(self, node: Node) -> bool:
        parts = [self._values.get(name) for name in node.inputs]
        known = [part for part in parts if part is not None]
        if len(known) != len(parts):
            return False
        if node.integer("axis") % len(node.type.shape) == 1:
            self._values[node.name] = np.concatenate(known)
        else:
            self._values[node.name] = known[0]
            self._pairs += [(known[0], part) for part in known[1:]]
        return True

    def _reshape(self, node: Node) -> bool:
        """Channels that stay on axis 1, alone or with all their elements in a row."""
        source = self._values.get(node.inputs[0])
        before, after = self._graph.type_of(node.inputs[0]).shape, node.type.shape
        if source is None or len(after) < 2 or before[0] != after[0]:
            return False
        if after[1] == before[1]:
            self._values[node.name] = source
        elif after[1] == prod(before[1:]):
            self._values[node.name] = np.repeat(source, prod(before[2:]))
        elif before[1] == prod(after[1:]):
            rows = source.reshape(after[1], -1)
            if not (rows == rows[:, :1]).all():
                return False
            self._values[node.name] = rows[:, 0]
        else:
            return False
        return True

    def _along(self, node: Node) -> bool:
        source = self._values.get(node.inputs[0])
        shape = self._graph.type_of(node.inputs[0]).shape
        if source is None or node.type.shape[:2] != shape[:2] or len(node.inputs) > 1:
            return False
        if node.op in {"softmax", "log_softmax"} and node.integer("axis") % len(shape) < 2:
            return False
        if node.op in REDUCTIONS and min(axis % len(shape) for axis in node.integers("axes")) < 2:
            return False
        if node.op == "slice" and not {0, 1}.isdisjoint(node.integers("axes")):
            return False
        if node.op == "resize" and node.numbers("scales")[:2] != (1.0, 1.0):
            return False
        self._values[node.name] = source
        return True


def _repeats(keys: list[str]) -> bool:
    return len(set(keys)) != len(keys)


def _joined(count: int, pairs: list[tuple[IntArray, IntArray]]) -> IntArray:
    """The least label of every label's connected component."""
    root = np.arange(count)
    if not pairs:
        return root
    left = np.concatenate([pair[0] for pair in pairs])
    right = np.concatenate([pair[1] for pair in pairs])
    while True:
        a, b = root[left], root[right]
        if np.array_equal(a, b):
            return root
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(root, root[root]):
            root = root[root]
