"""Evaluates the part of an ONNX graph that does not depend on the picture: shape arithmetic.

`x.view(x.size(0), -1)` becomes Shape, Gather, Unsqueeze and Concat in a file; with the picture's
size known, all of it is known. Work and memory are bounded by a budget of computed elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import onnx

from codegen.exchange.onnx_node import (
    AnyArray,
    Constant,
    Flow,
    NodeRefusedError,
    OnnxNode,
    int_list,
)
from codegen.exchange.onnx_pieces import axis_in, split_sizes

_BUDGET_ELEMENTS = 2**28
_MAX_RANK = 8
_TRUTH, _INTEGERS = (
    onnx.TensorProto.BOOL,
    frozenset(
        {
            onnx.TensorProto.INT64,
            onnx.TensorProto.INT32,
            onnx.TensorProto.INT16,
            onnx.TensorProto.INT8,
        }
    ),
)
_FLOATS = frozenset({onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16})


class Budget:
    """Elements that may still be computed for one file."""

    def __init__(self) -> None:
        self._left = _BUDGET_ELEMENTS

    def spend(self, elements: int) -> None:
        """Take what the next result needs.

        Raises:
            NodeRefusedError: the file asks for more than any real model.
        """
        self._left -= max(elements, 1)
        if self._left < 0:
            msg = "its constant would be too large to compute at import"
            raise NodeRefusedError(msg)


def fold(node: OnnxNode, budget: Budget) -> Constant | tuple[Constant, ...] | None:
    """The node's values where they are known at import; None where they depend on the picture.

    Raises:
        NodeRefusedError: the value is known but its attributes cannot be read.
    """
    if node.op == "Shape":
        return _shape(node)
    if node.op == "Size" and node.inputs and isinstance(node.inputs[0], Flow):
        return Constant(np.array(node.inputs[0].type.elements, dtype=np.int64))
    if node.op == "Constant":
        return _constant(node)
    if any(isinstance(value, Flow) for value in node.inputs):
        return None
    arrays = [value.array for value in node.inputs if isinstance(value, Constant)]
    if node.op == "Split" and arrays:
        return _parts(node, arrays[0], budget)
    if node.op == "Identity" and isinstance(node.inputs[0], Constant):
        return node.inputs[0]
    function = _FUNCTIONS.get(node.op)
    if function is None:
        return None
    _charge(node, arrays, budget)
    with np.errstate(all="ignore"):
        return Constant(_normal(function(node, arrays)))


def _normal(array: AnyArray) -> AnyArray:
    if array.dtype == np.bool_:
        return array
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64, copy=False)


def _charge(node: OnnxNode, arrays: Sequence[AnyArray], budget: Budget) -> None:
    """Pay for the largest result the inputs allow, before it is computed."""
    if node.op in {"ConstantOfShape", "Expand"}:
        target = int_list(arrays[-1])
        if any(size < 0 for size in target) or len(target) > _MAX_RANK:
            msg = "its shape is impossible"
            raise NodeRefusedError(msg)
        budget.spend(prod(target) * max(1, arrays[0].size if node.op == "Expand" else 1))
    elif node.op == "Gather":
        budget.spend(arrays[0].size * max(1, arrays[1].size))
    elif node.op == "Range":
        first, last, step = (float(item) for item in arrays)
        budget.spend(int(abs((last - first) / step)) + 1)
    elif node.op in _BROADCASTING:
        budget.spend(prod(np.broadcast_shapes(*(array.shape for array in arrays))))
    else:
        budget.spend(sum(array.size for array in arrays))


def _shape(node: OnnxNode) -> Constant:
    value = node.inputs[0]
    if value is None:
        msg = "its input is missing"
        raise NodeRefusedError(msg)
    shape = value.type.shape if isinstance(value, Flow) else value.array.shape
    end = node.integer("end", len(shape))
    return Constant(np.array(shape[node.integer("start", 0) : end], dtype=np.int64))


def _constant(node: OnnxNode) -> Constant:
    tensor = node.tensor("value")
    if tensor is not None:
        return Constant(tensor, key=node.output or None)
    if node.has("value_float"):
        return Constant(np.array(node.number("value_float", 0.0), dtype=np.float32))
    if node.has("value_int"):
        return Constant(np.array(node.integer("value_int", 0), dtype=np.int64))
    floats, integers = node.floats("value_floats"), node.integers("value_ints")
    if floats is not None:
        return Constant(np.array(floats, dtype=np.float32))
    if integers is not None:
        return Constant(np.array(integers, dtype=np.int64))
    msg = "only constants of numbers are read"
    raise NodeRefusedError(msg)


def _parts(node: OnnxNode, array: AnyArray, budget: Budget) -> tuple[Constant, ...]:
    axis = axis_in(node, array.ndim, 0)
    sizes = split_sizes(node, array.shape[axis])
    budget.spend(array.size)
    return tuple(Constant(part) for part in np.split(array, np.cumsum(sizes)[:-1], axis))


def _axes(node: OnnxNode, arrays: Sequence[AnyArray]) -> tuple[int, ...] | None:
    return int_list(arrays[1]) if len(arrays) > 1 else node.integers("axes")


def _cast(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    target = node.integer("to", 0)
    if target == _TRUTH:
        return arrays[0].astype(np.bool_)
    if target in _INTEGERS:
        return arrays[0].astype(np.int64)
    if target in _FLOATS:
        return arrays[0].astype(np.float32)
    msg = "it casts to a type that is not read"
    raise NodeRefusedError(msg)


def _filled(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    value = node.tensor("value")
    return np.full(int_list(arrays[0]), 0.0 if value is None else value.reshape(-1)[0])


def _slice(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    x = arrays[0]
    if len(arrays) > 1:
        lists = [int_list(array) for array in arrays[1:]]
        starts, ends = lists[0], lists[1]
        axes = lists[2] if len(lists) > 2 else tuple(range(len(starts)))
        steps = lists[3] if len(lists) > 3 else (1,) * len(starts)
    else:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes = node.integers("axes") or tuple(range(len(starts)))
        steps = (1,) * len(starts)
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # ONNX marks "to the very end" with any number beyond it, also backwards.
        stop = None if step < 0 and end < -x.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def _reshape(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    target = list(int_list(arrays[1]))
    if not node.integer("allowzero", 0):
        target = [arrays[0].shape[i] if size == 0 else size for i, size in enumerate(target)]
    return arrays[0].reshape(target)


def _squeeze(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    return np.squeeze(arrays[0], axis=_axes(node, arrays))


def _unsqueeze(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    return np.expand_dims(arrays[0], _axes(node, arrays) or ())


def _divide(_node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
    if arrays[0].dtype.kind == "f":
        return np.asarray(arrays[0] / arrays[1])
    # ONNX truncates integers towards zero, NumPy rounds down.
    magnitude = np.abs(arrays[0]) // np.abs(arrays[1])
    return np.asarray(np.sign(arrays[0]) * np.sign(arrays[1]) * magnitude)


def _reduced(function: Callable[..., Any]) -> Callable[[OnnxNode, Sequence[AnyArray]], AnyArray]:
    def reduce_axes(node: OnnxNode, arrays: Sequence[AnyArray]) -> AnyArray:
        keep, axes = bool(node.integer("keepdims", 1)), _axes(node, arrays)
        if not axes and node.integer("noop_with_empty_axes", 0):
            axes = ()
        elif not axes:
            axes = tuple(range(arrays[0].ndim))
        return np.asarray(function(arrays[0], axis=axes, keepdims=keep))

    return reduce_axes


def _largest(x: AnyArray, **options: Any) -> AnyArray:  # noqa: ANN401 - NumPy's own
    """Minus infinity where there is nothing."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(np.int64).min
    return np.asarray(np.max(x, initial=lowest, **options))


def _least(x: AnyArray, **options: Any) -> AnyArray:  # noqa: ANN401 - NumPy's own
    highest = np.inf if x.dtype.kind == "f" else np.iinfo(np.int64).max
    return np.asarray(np.min(x, initial=highest, **options))


def _sum_of(
    before: Callable[[AnyArray], Any], after: Callable[[AnyArray], Any]
) -> Callable[..., AnyArray]:
    return lambda x, **options: np.asarray(after(np.sum(before(x), **options)))


def _every(function: Callable[..., Any]) -> Callable[[OnnxNode, Sequence[AnyArray]], AnyArray]:
    """A function of any number of operands, two at a time."""
    return lambda _, arrays: np.asarray(reduce(function, arrays))


_BROADCASTING = frozenset(
    {
        "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
        "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Where",
    }
)  # fmt: skip

_FUNCTIONS: dict[str, Callable[[OnnxNode, Sequence[AnyArray]], AnyArray]] = {
    "Add": lambda _, v: np.asarray(v[0] + v[1]),
    "Sub": lambda _, v: np.asarray(v[0] - v[1]),
    "Mul": lambda _, v: np.asarray(v[0] * v[1]),
    "Div": _divide,
    "Neg": lambda _, v: np.asarray(-v[0]),
    "Sqrt": lambda _, v: np.asarray(np.sqrt(v[0])),
    "Floor": lambda _, v: np.asarray(np.floor(v[0])),
    "Ceil": lambda _, v: np.asarray(np.ceil(v[0])),
    "Equal": lambda _, v: np.asarray(v[0] == v[1]),
    "Greater": lambda _, v: np.asarray(v[0] > v[1]),
    "Less": lambda _, v: np.asarray(v[0] < v[1]),
    "Not": lambda _, v: np.asarray(np.logical_not(v[0])),
    "Where": lambda _, v: np.where(v[0], v[1], v[2]),
    "Cast": _cast,
    "CastLike": lambda _, v: v[0].astype(v[1].dtype),
    "Concat": lambda n, v: np.concatenate(list(v), axis=n.integer("axis", 0)),
    "ConstantOfShape": _filled,
    "Expand": lambda _, v: np.asarray(v[0] * np.ones(int_list(v[1]), dtype=v[0].dtype)),
    "Gather": lambda n, v: np.take(v[0], v[1], axis=n.integer("axis", 0)),
    "Range": lambda _, v: np.arange(v[0].item(), v[1].item(), v[2].item()),
    "Abs": lambda _, v: np.asarray(np.abs(v[0])),
    "And": lambda _, v: np.asarray(np.logical_and(v[0], v[1])),
    "Exp": lambda _, v: np.asarray(np.exp(v[0])),
    "GreaterOrEqual": lambda _, v: np.asarray(v[0] >= v[1]),
    "LessOrEqual": lambda _, v: np.asarray(v[0] <= v[1]),
    "Log": lambda _, v: np.asarray(np.log(v[0])),
    "Max": _every(np.maximum),
    "Min": _every(np.minimum),
    "Mod": lambda n, v: np.asarray((np.fmod if n.integer("fmod", 0) else np.mod)(v[0], v[1])),
    "Or": lambda _, v: np.asarray(np.logical_or(v[0], v[1])),
    "Pow": lambda _, v: np.asarray(np.power(v[0], v[1]).astype(v[0].dtype)),
    "Reciprocal": lambda _, v: np.asarray(1 / v[0]),
    "ReduceL1": _reduced(_sum_of(np.abs, lambda x: x)),
    "ReduceL2": _reduced(_sum_of(np.square, np.sqrt)),
    "ReduceLogSum": _reduced(_sum_of(lambda x: x, np.log)),
    "ReduceMax": _reduced(_largest),
    "ReduceMean": _reduced(np.mean),
    "ReduceMin": _reduced(_least),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceSumSquare": _reduced(_sum_of(np.square, lambda x: x)),
    "Reshape": _reshape,
    "Size": lambda _, v: np.array(v[0].size, dtype=np.int64),
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Transpose": lambda n, v: np.transpose(v[0], n.integers("perm")),
    "Unsqueeze": _unsqueeze,
}
"""Operators that are evaluated when all their inputs are known."""
