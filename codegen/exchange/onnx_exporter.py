"""Writes a graph as ONNX; zeros of pruned weights are kept, masks are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from codegen.errors import GraphError
from codegen.exchange.onnx_signature import CLASSES_KEY, PREPROCESSING_KEY
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, FUNCTIONS, GATE, REDUCTIONS

OPSET = 17
"""The oldest that has layer norm; graphs with newer operators are written in theirs."""

_NEWER = {"mish": 18, "gelu": 20, "gelu_tanh": 20}
_IR_VERSIONS = {17: 8, 18: 8, 20: 9}
_BATCH = "batch"
_MAX_BYTES = 2**31 - 1


def export_onnx(graph: Graph, *, batch: int | None = None) -> bytes:
    """The model as ONNX bytes; the same graph gives the same bytes.

    Nodes and weights keep their names, so an import of the file gives an equal graph (fused layers
    come back as separate nodes). The batch axis is symbolic unless `batch` fixes it. Normalisation
    and class names stand in the model's metadata.

    Raises:
        GraphError: the model is larger than the 2 GiB one ONNX file may have.
    """
    if sum(weight.values.nbytes for weight in graph.weights.values()) >= _MAX_BYTES:
        msg = f"{graph.name!r} has more than 2 GiB of weights, which one ONNX file cannot hold"
        raise GraphError(msg)
    opset = _opset_of(graph)
    writer = _Writer(graph, opset)
    for node in graph.nodes:
        writer.write(node)
    proto = helper.make_graph(
        writer.nodes,
        graph.name or "model",
        [_value(name, graph.type_of(name).shape, batch) for name, _ in graph.inputs],
        [_value(name, graph.type_of(name).shape, batch) for name in graph.outputs],
        writer.tensors,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", opset)], producer_name="punchcard"
    )
    model.ir_version = _IR_VERSIONS[opset]
    helper.set_model_props(model, dict(_metadata(graph)))
    return bytes(model.SerializeToString(deterministic=True))


def _opset_of(graph: Graph) -> int:
    """The least opset that has every operator of the graph."""
    used = {node.op for node in graph.nodes}
    used |= {str(node.attrs["activation"]) for node in graph.nodes if "activation" in node.attrs}
    return max(OPSET, *(_NEWER.get(op, 0) for op in used), 0)


def _value(name: str, shape: tuple[int, ...], batch: int | None) -> onnx.ValueInfoProto:
    first = [_BATCH if batch is None else batch] if shape[:1] == (1,) else shape[:1]
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [*first, *shape[1:]])


def _metadata(graph: Graph) -> Iterator[tuple[str, str]]:
    if graph.preprocessing is not None:
        pair = {"mean": graph.preprocessing.mean, "std": graph.preprocessing.std}
        yield PREPROCESSING_KEY, json.dumps(pair)
    if graph.classes:
        yield CLASSES_KEY, json.dumps(graph.classes)


class _Writer:
    """Collects ONNX nodes and stored tensors."""

    def __init__(self, graph: Graph, opset: int) -> None:
        self.graph = graph
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._values = {*graph.by_name, *(name for name, _ in graph.inputs)}
        self._tensor_names: dict[str, str] = {}

    def write(self, node: Node) -> None:
        """Add the ONNX nodes of one node; the last one makes the value of its name."""
        _WRITERS[node.op](self, node)

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


def _window(node: Node) -> dict[str, Any]:
    return {
        "kernel_shape": node.integers("kernel"),
        "strides": node.integers("stride"),
        "pads": node.integers("padding"),
        "ceil_mode": int(bool(node.attrs["ceil_mode"])),
    }


def _conv(writer: _Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    shape = writer.graph.weights[node.weights["weight"]].values.shape
    attrs = {
        "kernel_shape": shape[2:],
        "strides": node.integers("stride"),
        "pads": node.integers("padding"),
        "dilations": node.integers("dilation"),
        "group": node.integer("groups"),
    }
    activated = node.text("activation") != "none"
    fused = len(node.inputs) == 2
    value = writer.emit("Conv", node, inputs, attrs, part="conv" if fused or activated else None)
    if fused:
        part = "add" if activated else None
        value = writer.emit(
            "Add", node, [value, node.inputs[1]], name=f"{node.name}:add", part=part
        )
    _fused_activation(writer, node, value)


def _linear(writer: _Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    part = None if node.text("activation") == "none" else "linear"
    value = writer.emit("Gemm", node, inputs, {"transB": 1}, part=part)
    _fused_activation(writer, node, value)


def _add(writer: _Writer, node: Node) -> None:
    part = None if node.text("activation") == "none" else "add"
    value = writer.emit("Add", node, node.inputs, part=part)
    _fused_activation(writer, node, value)


def _batch_norm(writer: _Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    writer.emit("BatchNormalization", node, inputs, {"epsilon": node.number("epsilon")})


def _instance_norm(writer: _Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    writer.emit("InstanceNormalization", node, inputs, {"epsilon": node.number("epsilon")})


def _layer_norm(writer: _Writer, node: Node) -> None:
    shape, axis = node.type.shape, node.integer("axis")
    inputs = [node.inputs[0]]
    for role in node.weights:
        values = writer.graph.weights[node.weights[role]].values
        if axis == len(shape) - 1:
            inputs.append(writer.weight(node, role))
        else:
            inputs.append(writer.number(node, role, values.reshape(shape[axis:]), np.float32))
    attrs = {"axis": axis, "epsilon": node.number("epsilon")}
    writer.emit("LayerNormalization", node, inputs, attrs)


def _reduce(writer: _Writer, node: Node) -> None:
    op = "Reduce" + node.op.removeprefix("reduce_").capitalize()
    attrs: dict[str, Any] = {"keepdims": int(bool(node.attrs["keep"]))}
    # Sums take their axes as an input since opset 13, the others since 18.
    if op == "ReduceSum" or writer.opset >= 18:
        axes = writer.number(node, "axes", node.integers("axes"), np.int64)
        writer.emit(op, node, [node.inputs[0], axes], attrs)
    else:
        writer.emit(op, node, node.inputs, {**attrs, "axes": node.integers("axes")})


def _local_response(node: Node) -> dict[str, Any]:
    numbers = {key: node.number(key) for key in ("alpha", "beta", "bias")}
    return {"size": node.integer("size"), **numbers}


def _clip(writer: _Writer, node: Node) -> None:
    limits = [writer.number(node, key, node.number(key), np.float32) for key in ("low", "high")]
    writer.emit("Clip", node, [node.inputs[0], *limits])


def _average_pool(writer: _Writer, node: Node) -> None:
    counted = {"count_include_pad": int(bool(node.attrs["count_include_pad"]))}
    writer.emit("AveragePool", node, node.inputs, {**_window(node), **counted})


def _reshape(writer: _Writer, node: Node) -> None:
    # Size 0 copies the batch axis, whatever it is.
    shape = writer.number(node, "shape", (0, *node.integers("shape")[1:]), np.int64)
    writer.emit("Reshape", node, [node.inputs[0], shape])


def _pad(writer: _Writer, node: Node) -> None:
    top, left, bottom, right = node.integers("padding")
    sides = writer.number(node, "pads", (0, 0, top, left, 0, 0, bottom, right), np.int64)
    value = writer.number(node, "value", node.number("value"), np.float32)
    writer.emit("Pad", node, [node.inputs[0], sides, value])


def _dropout(writer: _Writer, node: Node) -> None:
    ratio = writer.number(node, "ratio", node.number("probability"), np.float32)
    writer.emit("Dropout", node, [node.inputs[0], ratio])


def _constant(writer: _Writer, node: Node) -> None:
    values = writer.graph.weights[node.weights["value"]].values
    tensor = helper.make_tensor(
        node.weights["value"], onnx.TensorProto.FLOAT, values.shape, values.tobytes(), raw=True
    )
    writer.emit("Constant", node, [], {"value": tensor})


def _fused_activation(writer: _Writer, node: Node, value: str) -> None:
    activation = node.text("activation")
    if activation != "none":
        name = f"{node.name}:{activation}"
        _write_activation(writer, node, value, activation, node.number("alpha"), name)


def _write_activation(
    writer: _Writer, node: Node, value: str, activation: str, alpha: float, name: str
) -> None:
    if activation == "silu":
        gate = writer.emit("Sigmoid", node, [value], name=f"{node.name}:sigmoid", part="sigmoid")
        writer.emit("Mul", node, [value, gate], name=name)
    elif activation == "relu6":
        limits = [writer.number(node, key, x, np.float32) for key, x in (("low", 0), ("high", 6))]
        writer.emit("Clip", node, [value, *limits], name=name)
    else:
        op, attrs = _ACTIVATIONS[activation]
        if activation == node.op == "hard_sigmoid":
            attrs = {key: node.number(key) for key in ("alpha", "beta")}
        elif activation in {"leaky_relu", "elu"}:
            attrs = {"alpha": alpha}
        writer.emit(op, node, [value], attrs, name=name)


_ACTIVATIONS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "hard_swish": ("HardSwish", {}),
    "hard_sigmoid": ("HardSigmoid", GATE),
    "leaky_relu": ("LeakyRelu", {}),
    "elu": ("Elu", {}),
    "softplus": ("Softplus", {}),
    "mish": ("Mish", {}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
}


def _activation(writer: _Writer, node: Node) -> None:
    alpha = node.number("alpha") if "alpha" in node.attrs else 0.0
    _write_activation(writer, node, node.inputs[0], node.op, alpha, node.name)


def _plain(
    op: str, attrs: Callable[[Node], Mapping[str, Any]] = lambda _: {}
) -> Callable[[_Writer, Node], None]:
    def write(writer: _Writer, node: Node) -> None:
        writer.emit(op, node, node.inputs, attrs(node))

    return write


_WRITERS: dict[str, Callable[[_Writer, Node], None]] = {
    "conv": _conv,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "add": _add,
    "sub": _plain("Sub"),
    "mul": _plain("Mul"),
    "div": _plain("Div"),
    "pow": _plain("Pow"),
    "min": _plain("Min"),
    "max": _plain("Max"),
    "prelu": _plain("PRelu"),
    "clip": _clip,
    "max_pool": _plain("MaxPool", _window),
    "average_pool": _average_pool,
    "global_average_pool": _plain("GlobalAveragePool"),
    "concat": _plain("Concat", lambda node: {"axis": node.integer("axis")}),
    "flatten": _plain("Flatten", lambda _: {"axis": 1}),
    "reshape": _reshape,
    "pad": _pad,
    "softmax": _plain("Softmax", lambda node: {"axis": node.integer("axis")}),
    "log_softmax": _plain("LogSoftmax", lambda node: {"axis": node.integer("axis")}),
    "matmul": _plain("MatMul"),
    **dict.fromkeys(REDUCTIONS, _reduce),
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": _plain("LRN", _local_response),
    "constant": _constant,
    "identity": _plain("Identity"),
    "dropout": _dropout,
    **dict.fromkeys(ACTIVATIONS, _activation),
    **{name: _plain(name.capitalize()) for name in FUNCTIONS},
}
"""How each operation of the IR is written."""
