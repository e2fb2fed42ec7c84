"""Moves pointwise operations before reshapes, to the layer they can be fused into."""

from __future__ import annotations

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.node_factory import make_node
from codegen.ir.ops import ACTIVATIONS, FUNCTIONS
from codegen.ir.passes.rewiring import rewire
from codegen.ir.tensor import TensorType

_RESHAPES = frozenset({"reshape", "flatten"})
_POINTWISE = frozenset({*ACTIVATIONS, *FUNCTIONS, "clip"})


def lift_pointwise(graph: Graph) -> Graph:
    """Lift what stands behind a reshape, and join reshapes that meet to one or none.

    A layer of rows is one of pictures of one row between two reshapes: this brings it together
    with its activation, its residual and the next layer.
    Lifts functions of one value, batch norm where channels stay channels, and additions of two
    values that were reshaped alike.
    """
    lifting = _Lifting(graph)
    for node in graph.nodes:
        lifting.take(node)
    outputs = {lifting.current(name) for name in graph.outputs}
    read = {lifting.current(name) for node in lifting.nodes.values() for name in node.inputs}
    kept = [
        node
        for node in lifting.nodes.values()
        if node.op not in _RESHAPES or node.name in read | outputs
    ]
    return rewire(graph, kept, lifting.renamed)


class _Lifting:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.nodes: dict[str, Node] = {}
        self.renamed: dict[str, str] = {}

    def take(self, node: Node) -> None:
        """Put a node where it belongs; nodes before it are in place."""
        sources = [self._reshape_before(name) for name in node.inputs]
        found = [source for source in sources if source is not None]
        if node.op in _RESHAPES and found:
            self._join(node, found[0])
        elif found and len(found) == len(sources) and self._can_lift(node, found):
            self._lift(node, found)
        else:
            self.nodes[node.name] = node

    def current(self, name: str) -> str:
        """The value that stands for a value of the graph."""
        while name in self.renamed:
            name = self.renamed[name]
        return name

    def _reshape_before(self, name: str) -> Node | None:
        node = self.nodes.get(self.current(name))
        return node if node is not None and node.op in _RESHAPES else None

    def _type_of(self, name: str) -> TensorType:
        made = self.nodes.get(self.current(name))
        return made.type if made is not None else self._graph.type_of(self.current(name))

    def _can_lift(self, node: Node, reshapes: list[Node]) -> bool:
        kinds = [self._type_of(reshape.inputs[0]) for reshape in reshapes]
        if node.op == "batch_norm":
            return kinds[0].shape[:2] == node.type.shape[:2]
        if node.op == "add":
            is_alike = kinds[0] == kinds[1] and reshapes[0].type == reshapes[1].type
            return is_alike and node.inputs[0] != node.inputs[1]
        return node.op in _POINTWISE

    def _lift(self, node: Node, reshapes: list[Node]) -> None:
        """The operation on what the reshapes read, and one reshape under the node's name."""
        inputs = tuple(self.current(reshape.inputs[0]) for reshape in reshapes)
        types = tuple(self._type_of(name) for name in inputs)
        name = f"{node.name}/before"
        while name in self._graph.by_name or name in self.nodes:
            name += "'"
        weights = self._graph.weights
        self.nodes[name] = make_node(
            name, node.op, inputs, types, node.attrs, node.weights, weights
        )
        self._reshape(node, name)

    def _join(self, node: Node, reshape: Node) -> None:
        """A reshape of a reshape reads what the first one reads; back to its shape, it is that."""
        source = self.current(reshape.inputs[0])
        inputs = {name for name, _ in self._graph.inputs}
        is_copy = node.name in self._graph.outputs and source in inputs
        if self._type_of(source) == node.type and not is_copy:
            self.renamed[node.name] = source
        else:
            self._reshape(node, source)

    def _reshape(self, node: Node, source: str) -> None:
        attrs = {"shape": node.type.shape}
        types = (self._type_of(source),)
        self.nodes[node.name] = make_node(node.name, "reshape", (source,), types, attrs)
