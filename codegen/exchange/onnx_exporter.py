"""Writes a graph as ONNX; zeros of pruned weights are kept, masks are not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper

from codegen.errors import GraphError
from codegen.exchange.onnx_export_movement import MOVEMENT, NEWER_WORDS, newer_words
from codegen.exchange.onnx_export_pools import POOLS
from codegen.exchange.onnx_signature import CLASSES_KEY, PREPROCESSING_KEY
from codegen.exchange.onnx_writer import NodeWriter, Writer, plain
from codegen.ir.batch import keeps_batch
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, FUNCTIONS, GATE, REDUCTIONS

OPSET = 17
"""The oldest that has layer norm; graphs with newer operators are written in theirs."""

_NEWER = {"mish": 18, "gelu": 20, "gelu_tanh": 20, **NEWER_WORDS}
_IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9}
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
    if batch is None and not keeps_batch(graph):
        batch = 1
    writer = Writer(graph, opset)
    for node in graph.nodes:
        _WRITERS[node.op](writer, node)
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
    used |= {word for node in graph.nodes for word in newer_words(node)}
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


def _conv_attrs(writer: Writer, node: Node) -> dict[str, Any]:
    return {
        "kernel_shape": writer.graph.weights[node.weights["weight"]].values.shape[2:],
        "strides": node.integers("stride"),
        "pads": node.integers("padding"),
        "dilations": node.integers("dilation"),
        "group": node.integer("groups"),
    }


def _conv(writer: Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    attrs = _conv_attrs(writer, node)
    activated = node.text("activation") != "none"
    fused = len(node.inputs) == 2
    value = writer.emit("Conv", node, inputs, attrs, part="conv" if fused or activated else None)
    if fused:
        part = "add" if activated else None
        value = writer.emit(
            "Add", node, [value, node.inputs[1]], name=f"{node.name}:add", part=part
        )
    _fused_activation(writer, node, value)


def _conv_transpose(writer: Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    attrs = {**_conv_attrs(writer, node), "output_padding": node.integers("output_padding")}
    part = None if node.text("activation") == "none" else "conv"
    value = writer.emit("ConvTranspose", node, inputs, attrs, part=part)
    _fused_activation(writer, node, value)


def _linear(writer: Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    part = None if node.text("activation") == "none" else "linear"
    value = writer.emit("Gemm", node, inputs, {"transB": 1}, part=part)
    _fused_activation(writer, node, value)


def _add(writer: Writer, node: Node) -> None:
    part = None if node.text("activation") == "none" else "add"
    value = writer.emit("Add", node, node.inputs, part=part)
    _fused_activation(writer, node, value)


def _batch_norm(writer: Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    writer.emit("BatchNormalization", node, inputs, {"epsilon": node.number("epsilon")})


def _instance_norm(writer: Writer, node: Node) -> None:
    inputs = [node.inputs[0], *(writer.weight(node, role) for role in node.weights)]
    writer.emit("InstanceNormalization", node, inputs, {"epsilon": node.number("epsilon")})


def _layer_norm(writer: Writer, node: Node) -> None:
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


def _reduce(writer: Writer, node: Node) -> None:
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


def _clip(writer: Writer, node: Node) -> None:
    limits = [writer.number(node, key, node.number(key), np.float32) for key in ("low", "high")]
    writer.emit("Clip", node, [node.inputs[0], *limits])


def _dropout(writer: Writer, node: Node) -> None:
    ratio = writer.number(node, "ratio", node.number("probability"), np.float32)
    writer.emit("Dropout", node, [node.inputs[0], ratio])


def _constant(writer: Writer, node: Node) -> None:
    values = writer.graph.weights[node.weights["value"]].values
    tensor = helper.make_tensor(
        node.weights["value"], onnx.TensorProto.FLOAT, values.shape, values.tobytes(), raw=True
    )
    writer.emit("Constant", node, [], {"value": tensor})


def _fused_activation(writer: Writer, node: Node, value: str) -> None:
    activation = node.text("activation")
    if activation != "none":
        name = f"{node.name}:{activation}"
        _write_activation(writer, node, value, activation, node.number("alpha"), name)


def _write_activation(
    writer: Writer, node: Node, value: str, activation: str, alpha: float, name: str
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


def _activation(writer: Writer, node: Node) -> None:
    alpha = node.number("alpha") if "alpha" in node.attrs else 0.0
    _write_activation(writer, node, node.inputs[0], node.op, alpha, node.name)


_WRITERS: dict[str, NodeWriter] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    **POOLS,
    **MOVEMENT,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "add": _add,
    "sub": plain("Sub"),
    "mul": plain("Mul"),
    "div": plain("Div"),
    "pow": plain("Pow"),
    "min": plain("Min"),
    "max": plain("Max"),
    "prelu": plain("PRelu"),
    "clip": _clip,
    "softmax": plain("Softmax", lambda node: {"axis": node.integer("axis")}),
    "log_softmax": plain("LogSoftmax", lambda node: {"axis": node.integer("axis")}),
    "matmul": plain("MatMul"),
    **dict.fromkeys(REDUCTIONS, _reduce),
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": plain("LRN", _local_response),
    "constant": _constant,
    "identity": plain("Identity"),
    "dropout": _dropout,
    **dict.fromkeys(ACTIVATIONS, _activation),
    **{name: plain(name.capitalize()) for name in FUNCTIONS},
}
"""How each operation of the IR is written."""
