"""The nodes and stored tensors of an ONNX file that is being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from codegen.ir.graph import Graph
from codegen.ir.node import Node


class Writer:
    """Collects ONNX nodes and stored tensors."""

    def __init__(self, graph: Graph, opset: int) -> None:
        self.graph = graph
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._values = {*graph.by_name, *(name for name, _ in graph.inputs)}
        self._tensor_names: dict[str, str] = {}

    def emit(
        self,
        op: str,
        node: Node,
        inputs: Iterable[str],
        attrs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        part: str | None = None,
    ) -> str:
        """Add an ONNX node and return its value.

        Args:
            op: its operator.
            node: what it belongs to; it carries its name unless `name` is given.
            inputs: values and stored tensors.
            attrs: its attributes.
            name: of the ONNX node.
            part: names its value where it is not the last of its node.
        """
        output = node.name if part is None else self._free(f"{node.name}:{part}")
        made = helper.make_node(op, list(inputs), [output], name=name or node.name)
        for key, value in (attrs or {}).items():
            made.attribute.append(helper.make_attribute(key, value))
        self.nodes.append(made)
        return output

    def weight(self, node: Node, role: str) -> str:
        """Name of the stored tensor of a weight."""
        key = node.weights[role]
        if key not in self._tensor_names:
            name = self._tensor_names[key] = self._free(key)
            self._store(name, self.graph.weights[key].values)
        return self._tensor_names[key]

    def number(self, node: Node, part: str, values: npt.ArrayLike, dtype: type) -> str:
        """Store a parameter that newer opsets want as an input."""
        name = self._free(f"{node.name}:{part}")
        self._store(name, np.asarray(values, dtype=dtype))
        return name

    def _store(self, name: str, array: npt.NDArray[np.generic]) -> None:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        little = array.astype(array.dtype.newbyteorder("<"))
        self.tensors.append(helper.make_tensor(name, kind, array.shape, little.tobytes(), raw=True))

    def _free(self, wanted: str) -> str:
        name = wanted
        while name in self._values:
            name += "'"
        self._values.add(name)
        return name


NodeWriter = Callable[[Writer, Node], None]
"""Adds the ONNX nodes of one node; the last one makes the value of its name."""


def plain(op: str, attrs: Callable[[Node], Mapping[str, Any]] = lambda _: {}) -> NodeWriter:
    """Writer of a node that is one ONNX operator with the same inputs."""

    def write(writer: Writer, node: Node) -> None:
        writer.emit(op, node, node.inputs, attrs(node))

    return write
