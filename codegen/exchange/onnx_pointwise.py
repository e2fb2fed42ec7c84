"""Pointwise operators of an ONNX file: activations, clips, arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.exchange.onnx_node import Constant, Flow, NodeRefusedError, OnnxNode, Value, shortest
from codegen.exchange.onnx_scope import Scope

_LARGEST = float(np.finfo(np.float32).max)
_SIXTH = shortest(1 / 6)


def activation(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of an operator that is one activation of the IR."""
    return lambda scope, node: scope.simple(node, op, node.flow())


def leaky_relu(scope: Scope, node: OnnxNode) -> Flow:
    """LeakyRelu."""
    return scope.simple(node, "leaky_relu", node.flow(), alpha=node.number("alpha", 0.01))


def swish(scope: Scope, node: OnnxNode) -> Flow:
    """Swish of newer opsets, with its usual slope of 1."""
    if node.number("alpha", 1.0) != 1.0:
        msg = "only a slope of 1 is supported"
        raise NodeRefusedError(msg)
    return scope.simple(node, "silu", node.flow())


def hard_sigmoid(scope: Scope, node: OnnxNode) -> Flow:
    """HardSigmoid of slope 1/6; other slopes as clip(x * alpha + beta, 0, 1)."""
    x, name = node.flow(), scope.name_of(node)
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    if abs(alpha - _SIXTH) < 1e-6 and beta == 0.5:
        return scope.add(name, "hard_sigmoid", x)
    for op, number in (("mul", alpha), ("add", beta)):
        value = Constant(np.full((1,) * x.rank, number, dtype=np.float32))
        x = scope.add(f"{name}/{op}", op, x, scope.as_flow(value, f"{name}/{op}.value"))
    return scope.add(name, "clip", x, low=0.0, high=1.0)


def clip(scope: Scope, node: OnnxNode) -> Flow:
    """Clip; 0 to 6 is relu6, 0 to infinity relu."""
    x = node.flow()
    low = _limit(node, 1, "min", -_LARGEST)
    high = _limit(node, 2, "max", _LARGEST)
    if low == 0.0 and high in {6.0, _LARGEST}:
        return scope.simple(node, "relu6" if high == 6.0 else "relu", x)
    return scope.simple(node, "clip", x, low=low, high=high)


def _limit(node: OnnxNode, index: int, attribute: str, default: float) -> float:
    given = node.optional_constant(index)
    if given is not None:
        if given.array.size != 1:
            msg = "its limits must be single numbers"
            raise NodeRefusedError(msg)
        number = shortest(given.array.reshape(-1)[0])
    else:
        number = node.number(attribute, default)
    if np.isnan(number):
        msg = "its limits must be numbers"
        raise NodeRefusedError(msg)
    return min(max(number, -_LARGEST), _LARGEST)


def softmax(scope: Scope, node: OnnxNode) -> Flow:
    """Softmax along one axis other than the batch."""
    x = node.flow()
    axis = node.integer("axis", -1 if node.opset >= 13 else 1)
    positive = axis + x.rank if axis < 0 else axis
    if not 0 < positive < x.rank:
        msg = "softmax over the batch axis is not supported"
        raise NodeRefusedError(msg)
    # Before opset 13 all axes from `axis` on were taken together.
    if node.opset < 13 and positive != x.rank - 1:
        msg = "its old form joins axes; export with opset_version=17"
        raise NodeRefusedError(msg)
    return scope.simple(node, "softmax", x, axis=axis)


def dropout(scope: Scope, node: OnnxNode) -> Flow:
    """Dropout, which does nothing at inference."""
    given = node.optional_constant(1)
    ratio = node.number("ratio", 0.5)
    if given is not None and given.array.size == 1:
        ratio = shortest(given.array.reshape(-1)[0])
    if not 0.0 <= ratio <= 1.0:
        msg = f"its ratio {ratio} is no probability"
        raise NodeRefusedError(msg)
    return scope.simple(node, "dropout", node.flow(), probability=ratio)


def cast(scope: Scope, node: OnnxNode) -> Flow:
    """Cast of a float value to float32, which does nothing."""
    if node.integer("to", 0) != 1:
        msg = "only float32 is supported; export the model in float32"
        raise NodeRefusedError(msg)
    return scope.simple(node, "identity", node.flow())


def arithmetic(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of Add, Sub, Mul or Div of values and constants."""

    def handle(scope: Scope, node: OnnxNode) -> Flow:
        if len(node.inputs) != 2:
            msg = "it must have two inputs"
            raise NodeRefusedError(msg)
        found = _bias_of_linear(scope, node) if op == "add" else None
        found = found or (_gated(scope, node) if op == "mul" else None)
        if found is not None:
            return found
        name = scope.name_of(node)
        left, right = (_operand(scope, node, index, name) for index in (0, 1))
        return scope.add(name, op, left, right)

    return handle


def _operand(scope: Scope, node: OnnxNode, index: int, name: str) -> Flow:
    """An operand whose batch axis stays the batch axis after broadcasting."""
    value, other = node.inputs[index], node.inputs[1 - index]
    if value is None or other is None:
        msg = "one of its inputs is missing"
        raise NodeRefusedError(msg)
    if isinstance(value, Flow):
        if isinstance(other, Flow) and other.rank != value.rank:
            msg = f"it joins values of {value.rank} and {other.rank} axes; reshape one first"
            raise NodeRefusedError(msg)
        return value
    assert isinstance(other, Flow)  # two constants were folded
    shape = value.array.shape
    if len(shape) > other.rank or (len(shape) == other.rank and shape[0] != 1):
        msg = f"its constant {shape} would widen the batch axis of {other.type}"
        raise NodeRefusedError(msg)
    if not shape:
        value = Constant(value.array.reshape((1,)), value.key)
    return scope.as_flow(value, f"{name}.value{index}")


def _bias_of_linear(scope: Scope, node: OnnxNode) -> Flow | None:
    """A constant row added to a MatMul nobody else reads becomes the linear layer's bias."""
    for index in (0, 1):
        layer, row = node.inputs[index], node.inputs[1 - index]
        if not isinstance(layer, Flow) or not isinstance(row, Constant):
            continue
        made = scope.nodes.get(layer.name)
        if made is None or made.op != "linear" or "bias" in made.weights:
            continue
        if row.array.shape[-1:] != layer.type.shape[-1:] or row.array.size != row.array.shape[-1]:
            continue
        if node.readers_of_input(index) == 1 and row.array.dtype == np.float32:
            own = row if row.array.ndim == 1 else None
            values = row.array.reshape(-1)
            key = scope.store(values, wanted=f"{layer.name}.bias", constant=own)
            scope.give_bias(layer, key)
            return layer
    return None


def _gated(scope: Scope, node: OnnxNode) -> Flow | None:
    """Read x * sigmoid(x) as silu, x * hard_sigmoid(x) as hard_swish."""
    gates = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
    for index in (0, 1):
        gate: Value | None = node.inputs[index]
        x: Value | None = node.inputs[1 - index]
        if not isinstance(gate, Flow) or not isinstance(x, Flow):
            continue
        made = scope.nodes.get(gate.name)
        if made is not None and made.op in gates and made.inputs == (x.name,):
            return scope.simple(node, gates[made.op], x)
    return None
