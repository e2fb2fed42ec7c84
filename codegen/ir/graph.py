"""The model: frozen nodes in topological order and their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from codegen.errors import GraphError
from codegen.ir.node import Node
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight

if TYPE_CHECKING:
    from codegen.ir.channel_flow import ChannelFlow


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become the graph's input: (pixel / 255 - mean) / std, per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network at batch 1.

    `nodes` stand in topological order; each makes one value of its own name. Two graphs are equal
    when their digests are.
    """

    name: str
    inputs: tuple[tuple[str, TensorType], ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, Weight] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Node of each name."""
        return MappingProxyType({node.name: node for node in self.nodes})

    @cached_property
    def users(self) -> Mapping[str, tuple[Node, ...]]:
        """Nodes that read each value, in topological order."""
        found: dict[str, list[Node]] = {name: [] for name, _ in self.inputs}
        found.update({node.name: [] for node in self.nodes})
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                found[source].append(node)
        return MappingProxyType({name: tuple(nodes) for name, nodes in found.items()})

    def type_of(self, value: str) -> TensorType:
        """Type of an input or of a node's value.

        Raises:
            GraphError: nothing of that name exists.
        """
        if value in self.by_name:
            return self.by_name[value].type
        for name, tensor_type in self.inputs:
            if name == value:
                return tensor_type
        msg = f"graph {self.name!r} has no value {value!r}"
        raise GraphError(msg)

    def weight(self, node: Node, role: str) -> Weight | None:
        """The weight a node uses in a role, or None where it has none."""
        key = node.weights.get(role)
        return None if key is None else self.weights[key]

    def with_weights(self, changed: Mapping[str, Weight]) -> Graph:
        """The same graph with some weights replaced."""
        return replace(self, weights={**self.weights, **changed})

    def with_nodes(self, nodes: Iterable[Node], outputs: tuple[str, ...] | None = None) -> Graph:
        """The same graph with other nodes; weights nobody uses any more are dropped."""
        kept = tuple(nodes)
        keys = {key for node in kept for _, key in node.weight_items}
        weights = {key: weight for key, weight in self.weights.items() if key in keys}
        return replace(
            self,
            nodes=kept,
            weights=weights,
            outputs=self.outputs if outputs is None else outputs,
        )

    @cached_property
    def channels(self) -> ChannelFlow:
        """Which channels of values and layers go together."""
        from codegen.ir.channel_flow import channel_flow

        return channel_flow(self)

    @cached_property
    def structure_digest(self) -> str:
        """SHA-256 of the text form: everything but the values of weights."""
        from codegen.ir.text import print_graph

        return hashlib.sha256(print_graph(self).encode()).hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of structure, weight values and masks."""
        state = hashlib.sha256(self.structure_digest.encode())
        for key in sorted(self.weights):
            weight = self.weights[key]
            state.update(key.encode() + b"\0")
            state.update(weight.values.tobytes())
            if weight.mask is not None:
                state.update(b"mask" + weight.mask.tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)
