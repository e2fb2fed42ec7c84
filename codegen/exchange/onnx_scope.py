"""The graph an importer writes: nodes under unique names, weights under the file's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from codegen.exchange.onnx_node import Constant, Flow, NodeRefusedError, OnnxNode, Value
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.node import AttrValue, Node
from codegen.ir.node_factory import make_node
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight

_MAX_ELEMENTS = 2**28
_LAYERS = frozenset({"Conv", "Gemm", "MatMul", "BatchNormalization"})


class Scope:
    """Nodes and weights written so far; every method returns values of the new graph."""

    def __init__(self, name: str, inputs: Mapping[str, TensorType]) -> None:
        self._name = name
        self._inputs = tuple(inputs.items())
        self.nodes: dict[str, Node] = {}
        self.weights: dict[str, Weight] = {}
        self._types = dict(inputs)
        self._repeats: Counter[str] = Counter()
        self._constants: dict[int, tuple[Constant, Flow]] = {}

    def flow(self, name: str) -> Flow:
        """A value by name."""
        return Flow(name, self._types[name])

    def add(
        self,
        name: str,
        op: str,
        *inputs: Flow,
        weights: dict[str, str] | None = None,
        **attrs: AttrValue,
    ) -> Flow:
        """Add a node; its name is made unique."""
        name = self._unused(name, self._types)
        types = tuple(value.type for value in inputs)
        names = tuple(value.name for value in inputs)
        node = make_node(name, op, names, types, attrs, weights, self.weights)
        if any(size < 1 for size in node.type.shape) or prod(node.type.shape) > _MAX_ELEMENTS:
            msg = f"its output {node.type} is empty or larger than any picture needs"
            raise NodeRefusedError(msg)
        self.nodes[name] = node
        self._types[name] = node.type
        return Flow(name, node.type)

    def simple(self, node: OnnxNode, op: str, *inputs: Flow, **attrs: AttrValue) -> Flow:
        """Add the one node an ONNX node becomes, under its own name."""
        return self.add(self.name_of(node), op, *inputs, weights=None, **attrs)

    def give_bias(self, layer: Flow, key: str) -> None:
        """Add a stored bias to a layer that has none."""
        node = self.nodes[layer.name]
        self.nodes[layer.name] = replace(node, weight_items=(*node.weight_items, ("bias", key)))

    def name_of(self, node: OnnxNode, weight: Constant | None = None) -> str:
        """What the layer is called: by our own exporter, its weight, torch's scope or the file."""
        if node.name and node.name == node.output:
            return node.name
        key = weight.key if weight is not None and weight.key is not None else ""
        owner = key.removesuffix(".weight")
        # An exporter stores equal tensors once: the second layer must not take the first's name.
        if owner != key and owner not in self._types:
            return owner
        if node.op in _LAYERS and node.name.startswith("/") and node.name.count("/") > 1:
            return _torch_scope(node.name)
        return node.name or node.output or node.op.lower()

    def store(self, value: npt.ArrayLike, *, wanted: str, constant: Constant | None = None) -> str:
        """Store a weight under its key in the file, or under `wanted` where it was computed."""
        array = np.asarray(value, dtype=np.float32)
        if not np.isfinite(array).all():
            msg = "a weight is not finite"
            raise NodeRefusedError(msg)
        # torch's exporter numbers the tensors it computed itself; those are no names.
        own = constant is not None and constant.key and not constant.key.startswith("onnx::")
        key = str(constant.key) if constant is not None and own else wanted
        if key in self.weights and _same(self.weights[key].values, array):
            return key
        key = self._unused(key, self.weights)
        self.weights[key] = Weight(array)
        return key

    def as_flow(self, value: Value, name: str) -> Flow:
        """A value for a node's input; a constant becomes a constant node, once."""
        if isinstance(value, Flow):
            return value
        if value.array.dtype != np.float32 or not np.isfinite(value.array).all():
            msg = "a constant it reads is not made of finite float32 values"
            raise NodeRefusedError(msg)
        if id(value) not in self._constants:
            key = self.store(value.array, wanted=name, constant=value)
            flow = self.add(value.key or name, "constant", weights={"value": key})
            self._constants[id(value)] = (value, flow)
        return self._constants[id(value)][1]

    def fixed(self, name: str, array: npt.NDArray[np.float32]) -> Flow:
        """A constant that is an output: of any numbers, even of none."""
        name, key = self._unused(name, self._types), self._unused(name, self.weights)
        self.weights[key] = Weight(array)
        node = make_node(name, "constant", (), (), {}, {"value": key}, self.weights)
        self.nodes[name], self._types[name] = node, node.type
        return Flow(name, node.type)

    def number(self, value: float, name: str) -> Flow:
        """One number as a constant value."""
        return self.as_flow(Constant(np.full((1,), value, dtype=np.float32)), name)

    def build(
        self,
        outputs: tuple[str, ...],
        preprocessing: Preprocessing | None,
        classes: tuple[str, ...],
    ) -> Graph:
        """The graph, without nodes the outputs do not need."""
        needed = set(outputs)
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        graph = Graph(
            name=self._name,
            inputs=self._inputs,
            outputs=outputs,
            nodes=(),
            weights=self.weights,
            preprocessing=preprocessing,
            classes=classes,
        )
        return graph.with_nodes(node for node in self.nodes.values() if node.name in needed)

    def _unused(self, wanted: str, taken: Container[str]) -> str:
        name = wanted
        while name in taken:
            self._repeats[wanted] += 1
            name = f"{wanted}_{self._repeats[wanted]}"
        return name


def _same(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> bool:
    return left.shape == right.shape and bool(np.array_equal(left, right))


def _torch_scope(name: str) -> str:
    """`/layer1/layer1.0/conv1/Conv` to `layer1.0.conv1`: torch's path of modules.

    A child of a Sequential carries its parent's name again.
    """
    path, last = "", ""
    for part in name.split("/")[1:-1]:
        if last and part.startswith(f"{last}."):
            path = path[: len(path) - len(last)] + part
        else:
            path = f"{path}.{part}" if path else part
        last = part
    return path
