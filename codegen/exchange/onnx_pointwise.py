"""Pointwise operators of an ONNX file: activations, clips, arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.exchange.onnx_node import Constant, Flow, NodeRefusedError, OnnxNode, Value, shortest
from codegen.exchange.onnx_scope import Scope
from codegen.ir.ops import GATE

_LARGEST = float(np.finfo(np.float32).max)


def activation(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of an operator that is one activation of the IR."""
    return lambda scope, node: scope.simple(node, op, node.flow())


def sloped(op: str, default: float) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of an activation with one number `alpha`."""
    return lambda scope, node: scope.simple(
        node, op, node.flow(), alpha=node.number("alpha", default)
    )


def gelu(scope: Scope, node: OnnxNode) -> Flow:
    """Gelu by the error function or by tanh."""
    forms = {"none": "gelu", "tanh": "gelu_tanh"}
    form = node.text("approximate", "none")
    if form not in forms:
        msg = f"its approximation {form!r} is unknown; export with none or tanh"
        raise NodeRefusedError(msg)
    return scope.simple(node, forms[form], node.flow())


def swish(scope: Scope, node: OnnxNode) -> Flow:
    """Swish of newer opsets; a slope other than 1 is x * sigmoid(slope * x)."""
    x, alpha = node.flow(), node.number("alpha", 1.0)
    if alpha == 1.0:
        return scope.simple(node, "silu", x)
    name = scope.name_of(node)
    scaled = scaled_by(scope, f"{name}/scaled", x, alpha)
    return scope.add(name, "mul", x, scope.add(f"{name}/gate", "sigmoid", scaled))


def selu(scope: Scope, node: OnnxNode) -> Flow:
    """Selu: gamma times elu."""
    name = scope.name_of(node)
    alpha, gamma = node.number("alpha", 1.6732632), node.number("gamma", 1.050701)
    return scaled_by(scope, name, scope.add(f"{name}/elu", "elu", node.flow(), alpha=alpha), gamma)


def softsign(scope: Scope, node: OnnxNode) -> Flow:
    """Softsign: x / (1 + |x|)."""
    name, x = scope.name_of(node), node.flow()
    size = scope.add(f"{name}/size", "abs", x)
    one = scope.number(1.0, f"{name}/one")
    return scope.add(name, "div", x, scope.add(f"{name}/more", "add", size, one))


def scaled_by(scope: Scope, name: str, x: Flow, factor: float) -> Flow:
    """A value times a number."""
    return scope.add(name, "mul", x, scope.number(factor, f"{name}/factor"))


def hard_sigmoid(scope: Scope, node: OnnxNode) -> Flow:
    """HardSigmoid."""
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return scope.simple(node, "hard_sigmoid", node.flow(), alpha=alpha, beta=beta)


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


def cast_like(scope: Scope, node: OnnxNode) -> Value:
    """CastLike of a value and a float32 one, or of a number to the type of a value."""
    value = node.inputs[0]
    if isinstance(value, Constant):
        return Constant(value.array.astype(np.float32))
    other = node.inputs[1] if len(node.inputs) > 1 else None
    if isinstance(other, Constant) and other.array.dtype != np.float32:
        msg = "only float32 is supported; export the model in float32"
        raise NodeRefusedError(msg)
    return scope.simple(node, "identity", node.flow())


def arithmetic(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of a function of two values or constants that broadcast."""

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


def joined(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of Sum, Max, Min or Mean of any number of values, two at a time."""

    def handle(scope: Scope, node: OnnxNode) -> Flow:
        name, last = scope.name_of(node), len(node.inputs) - 1
        total = _operand(scope, node, 0, name)
        for index in range(1, last + 1):
            part = name if index == last else f"{name}/{index}"
            total = scope.add(part, op, total, _operand(scope, node, index, name))
        return total if last else scope.add(name, "identity", total)

    return handle


def mean(scope: Scope, node: OnnxNode) -> Flow:
    """Mean of values: their sum by their number."""
    total = joined("add")(scope, node)
    return scaled_by(scope, f"{total.name}/mean", total, 1.0 / len(node.inputs))


def power(scope: Scope, node: OnnxNode) -> Flow:
    """Pow; the common exponents become what is quicker."""
    exponent = node.inputs[1] if len(node.inputs) == 2 else None
    if isinstance(exponent, Constant) and exponent.array.size == 1:
        x, number = node.flow(), float(exponent.array.reshape(-1)[0])
        if exponent.array.ndim <= x.rank:
            if number == 2.0:
                return scope.simple(node, "mul", x, x)
            if number in _POWERS:
                return scope.simple(node, _POWERS[number], x)
    return arithmetic("pow")(scope, node)


_POWERS = {0.5: "sqrt", 1.0: "identity", -1.0: "reciprocal"}


def prelu(scope: Scope, node: OnnxNode) -> Flow:
    """PRelu, whose slope broadcasts to the value; one number for all is a leaky relu."""
    x, slope = node.flow(), node.inputs[1] if len(node.inputs) == 2 else None
    if isinstance(slope, Constant) and slope.array.size == 1:
        number = shortest(slope.array.reshape(-1)[0])
        return scope.simple(node, "leaky_relu", x, alpha=number)
    name = scope.name_of(node)
    made = scope.add(name, "prelu", x, _operand(scope, node, 1, name))
    if made.type != x.type:
        msg = f"its slope does not broadcast to {x.type}"
        raise NodeRefusedError(msg)
    return made


def _operand(scope: Scope, node: OnnxNode, index: int, name: str) -> Flow:
    """An operand as a value; whole numbers become floats."""
    value = node.inputs[index]
    if value is None:
        msg = f"its input {index} is missing"
        raise NodeRefusedError(msg)
    if isinstance(value, Flow):
        return value
    array, key = value.array, value.key
    if array.dtype == np.int64:
        array, key = array.astype(np.float32), None
    return scope.as_flow(
        Constant(array if array.ndim else array.reshape((1,)), key), f"{name}.value{index}"
    )


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
    """Read x times its sigmoid as silu, its hard sigmoid as hard swish, tanh(softplus) as mish."""
    gates = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
    for index in (0, 1):
        gate: Value | None = node.inputs[index]
        x: Value | None = node.inputs[1 - index]
        if not isinstance(gate, Flow) or not isinstance(x, Flow):
            continue
        made = scope.nodes.get(gate.name)
        if made is None:
            continue
        if made.op in gates and made.inputs == (x.name,) and made.attrs in ({}, GATE):
            return scope.simple(node, gates[made.op], x)
        inner = scope.nodes.get(made.inputs[0]) if made.op == "tanh" else None
        if inner is not None and inner.op == "softplus" and inner.inputs == (x.name,):
            return scope.simple(node, "mish", x)
    return None
