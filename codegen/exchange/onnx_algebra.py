"""Products of matrices, reductions, normalisations and softmax of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from codegen.exchange.onnx_node import AnyArray, Constant, Flow, NodeRefusedError, OnnxNode
from codegen.exchange.onnx_pointwise import scaled_by
from codegen.exchange.onnx_scope import Scope


def gemm(scope: Scope, node: OnnxNode) -> Flow:
    """Gemm: of one row and a constant matrix a linear layer, else a product of matrices."""
    left, right = node.inputs[0], node.inputs[1] if len(node.inputs) > 1 else None
    is_row = isinstance(left, Flow) and left.type.shape[:1] == (1,)
    if is_row and isinstance(right, Constant) and not node.integer("transA", 0):
        return _linear_gemm(scope, node)
    name = scope.name_of(node)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    operands = [
        _matrix(scope, node, index, f"{name}/{key}", transposed=bool(node.integer(key, 0)))
        for index, key in ((0, "transA"), (1, "transB"))
    ]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    has_bias = bias is not None and beta != 0.0
    parts = [*(["scaled"] if alpha != 1.0 else []), *(["sum"] if has_bias else [])]
    names = [*(f"{name}/{part}" for part in ("product", *parts)[: len(parts)]), name]
    value = _product(scope, names.pop(0), *operands)
    if alpha != 1.0:
        value = scaled_by(scope, names.pop(0), value, alpha)
    if bias is None or not has_bias:
        return value
    shift = scope.as_flow(bias, f"{name}.bias")
    if beta != 1.0:
        shift = scaled_by(scope, f"{name}/shift", shift, beta)
    return scope.add(names.pop(0), "add", value, shift)


def _linear_gemm(scope: Scope, node: OnnxNode) -> Flow:
    x, weight = node.flow(rank=2), node.weights(1)
    if weight.array.ndim != 2:
        msg = "its second input is no matrix"
        raise NodeRefusedError(msg)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    name = scope.name_of(node, weight)
    keep = bool(node.integer("transB", 0)) and alpha == 1.0
    values = weight.array if node.integer("transB", 0) else weight.array.T
    values = values if alpha == 1.0 else values * np.float32(alpha)
    keys = {
        "weight": scope.store(values, wanted=f"{name}.weight", constant=weight if keep else None)
    }
    if node.optional_constant(2) is not None:
        bias = node.weights(2)
        row = _as_row(bias, values.shape[0])
        own = bias if beta == 1.0 and row.shape == bias.array.shape else None
        keys["bias"] = scope.store(row * np.float32(beta), wanted=f"{name}.bias", constant=own)
    return scope.add(name, "linear", x, weights=keys)


def _as_row(bias: Constant, features: int) -> AnyArray:
    size = bias.array.size
    if size not in {1, features} or bias.array.shape[-1:] not in {(), (size,)}:
        msg = "its bias is not one value a feature"
        raise NodeRefusedError(msg)
    return np.broadcast_to(bias.array.reshape(-1), (features,))


def _matrix(scope: Scope, node: OnnxNode, index: int, name: str, *, transposed: bool) -> Flow:
    """An operand of a Gemm, turned where it asks for it."""
    value = node.inputs[index]
    if isinstance(value, Constant) and value.array.ndim == 2:
        turned = Constant(np.ascontiguousarray(value.array.T)) if transposed else value
        return scope.as_flow(turned, name)
    if not isinstance(value, Flow) or value.rank != 2:
        msg = f"its input {index} is no matrix"
        raise NodeRefusedError(msg)
    return scope.add(name, "transpose", value, perm=(1, 0)) if transposed else value


def _product(scope: Scope, name: str, left: Flow, right: Flow) -> Flow:
    return scope.add(name, "matmul", left, right, depth=left.type.shape[-1])


def matmul(scope: Scope, node: OnnxNode) -> Flow:
    """MatMul: of one row and a constant matrix a linear layer, else a product of matrices."""
    left, right = node.inputs[0], node.inputs[1] if len(node.inputs) == 2 else None
    if left is None or right is None:
        msg = "it must have two inputs"
        raise NodeRefusedError(msg)
    is_row = isinstance(left, Flow) and left.rank == 2 and left.type.shape[0] == 1
    if is_row and isinstance(right, Constant) and right.array.ndim == 2:
        weight = node.weights(1)
        name = scope.name_of(node, weight)
        key = scope.store(weight.array.T, wanted=f"{name}.weight")
        return scope.add(name, "linear", node.flow(), weights={"weight": key})
    name = scope.name_of(node)
    operands = [scope.as_flow(value, f"{name}.{i}") for i, value in enumerate((left, right))]
    if min(value.rank for value in operands) < 1:
        msg = "it does not multiply single numbers"
        raise NodeRefusedError(msg)
    # A vector is a matrix of one row on the left, of one column on the right.
    is_vector = [value.rank == 1 for value in operands]
    forms = ((1, *operands[0].type.shape), (*operands[1].type.shape, 1))
    for index in (0, 1):
        if is_vector[index]:
            operands[index] = scope.add(
                f"{name}/matrix{index}", "reshape", operands[index], shape=forms[index]
            )
    if not any(is_vector):
        return _product(scope, name, *operands)
    made = _product(scope, f"{name}/product", *operands)
    shape = list(made.type.shape)
    if is_vector[1]:
        del shape[-1]
    if is_vector[0]:
        del shape[-1 if is_vector[1] else -2]
    return scope.add(name, "reshape", made, shape=tuple(shape))


def reduction(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of a reduction; means and maxima of a picture's pixels are global pools."""

    def handle(scope: Scope, node: OnnxNode) -> Flow:
        x = node.flow()
        axes, keep = reduced_axes(node, x), bool(node.integer("keepdims", 1))
        name = scope.name_of(node)
        if not axes:
            return scope.add(name, "identity", x)
        if op in _POOLED and x.rank == 4 and x.type.shape[0] == 1 and axes == (2, 3):
            window = {"kernel": x.type.shape[2:]} if op == "reduce_max" else {}
            pooled = scope.add(name, _POOLED[op], x, weights=None, **window)
            return pooled if keep else scope.add(f"{name}/flatten", "flatten", pooled)
        return scope.add(name, op, x, weights=None, axes=axes, keep=keep)

    return handle


_POOLED = {"reduce_mean": "global_average_pool", "reduce_max": "max_pool"}


def reduced_axes(node: OnnxNode, x: Flow) -> tuple[int, ...]:
    """The axes of a reduction, ascending; none given are all, or none by its attribute."""
    given = node.list_at(1, "axes")
    if not given:
        none = bool(node.integer("noop_with_empty_axes", 0))
        return () if none else tuple(range(x.rank))
    if any(not -x.rank <= axis < x.rank for axis in given):
        msg = f"its axes {given} are not axes of {x.type}"
        raise NodeRefusedError(msg)
    return tuple(sorted({axis % x.rank for axis in given}))


def composed(before: str, op: str, after: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of a reduction of a function, then a function of it: norms and logarithms."""

    def handle(scope: Scope, node: OnnxNode) -> Flow:
        x, name = node.flow(), scope.name_of(node)
        axes, keep = reduced_axes(node, x), bool(node.integer("keepdims", 1))
        if before == "square":
            x = scope.add(f"{name}/square", "mul", x, x)
        elif before:
            x = scope.add(f"{name}/{before}", before, x)
        inner = f"{name}/sum" if after else name
        if axes:
            x = scope.add(inner, op, x, weights=None, axes=axes, keep=keep)
        elif not after:
            x = scope.add(inner, "identity", x)
        return scope.add(name, after, x) if after else x

    return handle


def softmax(op: str) -> Callable[[Scope, OnnxNode], Flow]:
    """Handler of Softmax or LogSoftmax; before opset 13 all axes from one on are taken together."""

    def handle(scope: Scope, node: OnnxNode) -> Flow:
        x = node.flow()
        axis = node.integer("axis", -1 if node.opset >= 13 else 1)
        if not -x.rank <= axis < x.rank + (node.opset < 13):
            msg = f"there is no axis {axis} in {x.type}"
            raise NodeRefusedError(msg)
        positive, shape = axis % x.rank if axis < x.rank else axis, x.type.shape
        if node.opset >= 13 or positive == x.rank - 1:
            return scope.simple(node, op, x, axis=axis)
        name = scope.name_of(node)
        rows = (prod(shape[:positive]), prod(shape[positive:]))
        flat = scope.add(f"{name}/rows", "reshape", x, shape=rows)
        made = scope.add(f"{name}/{op}", op, flat, axis=1)
        return scope.add(name, "reshape", made, shape=shape)

    return handle


def layer_norm(scope: Scope, node: OnnxNode) -> tuple[Flow | None, ...]:
    """LayerNormalization; mean and inverse deviation are made where somebody reads them."""
    x = node.flow()
    axis = node.integer("axis", -1)
    if not -x.rank <= axis < x.rank:
        msg = f"there is no axis {axis} in {x.type}"
        raise NodeRefusedError(msg)
    axis %= x.rank
    shape, epsilon = x.type.shape[axis:], node.number("epsilon", 1e-5)
    gamma, name = node.weights(1), ""
    name = scope.name_of(node, gamma)
    keys = {"gamma": _spread(scope, gamma, shape, f"{name}.weight")}
    if node.optional_constant(2) is not None:
        keys["beta"] = _spread(scope, node.weights(2), shape, f"{name}.bias")
    made = scope.add(name, "layer_norm", x, weights=keys, axis=axis, epsilon=epsilon)
    if not any(node.readers_of_output(index) for index in (1, 2)):
        return made, None, None
    axes = tuple(range(axis, x.rank))
    mean = scope.add(f"{name}/mean", "reduce_mean", x, weights=None, axes=axes, keep=True)
    away = scope.add(f"{name}/away", "sub", x, mean)
    square = scope.add(f"{name}/square", "mul", away, away)
    variance = scope.add(
        f"{name}/variance", "reduce_mean", square, weights=None, axes=axes, keep=True
    )
    more = scope.add(f"{name}/more", "add", variance, scope.number(epsilon, f"{name}/epsilon"))
    deviation = scope.add(f"{name}/deviation", "sqrt", more)
    return made, mean, scope.add(f"{name}/inverse", "reciprocal", deviation)


def _spread(scope: Scope, value: Constant, shape: tuple[int, ...], wanted: str) -> str:
    """Store a scale or shift as one row that has a number for every element."""
    try:
        row = np.broadcast_to(value.array, shape).reshape(-1)
    except ValueError:
        msg = f"its scale {value.array.shape} does not broadcast to {shape}"
        raise NodeRefusedError(msg) from None
    own = value if value.array.shape == row.shape else None
    return scope.store(row, wanted=wanted, constant=own)


def instance_norm(scope: Scope, node: OnnxNode) -> Flow:
    """InstanceNormalization."""
    gamma, beta = node.weights(1), node.weights(2)
    name = scope.name_of(node, gamma)
    keys = {
        "gamma": scope.store(gamma.array, wanted=f"{name}.weight", constant=gamma),
        "beta": scope.store(beta.array, wanted=f"{name}.bias", constant=beta),
    }
    epsilon = node.number("epsilon", 1e-5)
    return scope.add(name, "instance_norm", node.flow(), weights=keys, epsilon=epsilon)


def group_norm(scope: Scope, node: OnnxNode) -> Flow:
    """GroupNormalization: an instance norm of groups, then scale and shift of channels."""
    x, groups = node.flow(), node.integer("num_groups", 0)
    if x.rank < 2 or groups < 1 or x.type.shape[1] % groups:
        msg = f"{groups} groups do not divide the channels of {x.type}"
        raise NodeRefusedError(msg)
    gamma, beta = node.weights(1), node.weights(2)
    name, channels = scope.name_of(node, gamma), x.type.shape[1]
    rows = (x.type.shape[0], groups, x.type.elements // x.type.shape[0] // groups)
    keys = {
        "gamma": scope.store(np.ones(groups), wanted=f"{name}.ones"),
        "beta": scope.store(np.zeros(groups), wanted=f"{name}.zeros"),
    }
    epsilon = node.number("epsilon", 1e-5)
    flat = scope.add(f"{name}/groups", "reshape", x, shape=rows)
    even = scope.add(f"{name}/norm", "instance_norm", flat, weights=keys, epsilon=epsilon)
    value = scope.add(f"{name}/channels", "reshape", even, shape=x.type.shape)
    for op, given, part in (("mul", gamma, f"{name}/scaled"), ("add", beta, name)):
        # Before opset 21 there was one number a group.
        values = np.repeat(given.array, channels // given.array.size)
        column = Constant(values.reshape((channels, *(1,) * (x.rank - 2))))
        value = scope.add(part, op, value, scope.as_flow(column, f"{name}.{op}"))
    return value


def local_response_norm(scope: Scope, node: OnnxNode) -> Flow:
    """LRN."""
    size = node.integer("size", 0)
    if not 1 <= size <= 2**16:
        msg = f"its window of {size} channels is impossible"
        raise NodeRefusedError(msg)
    return scope.simple(
        node,
        "local_response_norm",
        node.flow(),
        size=size,
        alpha=node.number("alpha", 1e-4),
        beta=node.number("beta", 0.75),
        bias=node.number("bias", 1.0),
    )


def batch_norm(scope: Scope, node: OnnxNode) -> Flow:
    """BatchNormalization at inference."""
    x = node.flow()
    if x.rank < 2:
        msg = f"{x.type} has no axis of channels"
        raise NodeRefusedError(msg)
    if node.integer("training_mode", 0):
        msg = "it is in training mode; call model.eval() before exporting"
        raise NodeRefusedError(msg)
    roles = ("gamma", "beta", "mean", "variance")
    suffixes = ("weight", "bias", "running_mean", "running_var")
    found = [node.weights(index + 1) for index in range(4)]
    name = scope.name_of(node, found[0])
    keys = {
        role: scope.store(value.array, wanted=f"{name}.{suffix}", constant=value)
        for role, suffix, value in zip(roles, suffixes, found, strict=True)
    }
    epsilon = node.number("epsilon", 1e-5)
    return scope.add(name, "batch_norm", x, weights=keys, epsilon=epsilon)
