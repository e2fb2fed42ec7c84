"""A node of an ONNX file, read with suspicion: typed attributes, resolved inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from codegen.exchange.report import shown
from codegen.ir.tensor import TensorType

AnyArray = npt.NDArray[Any]
_KIND = onnx.AttributeProto
_READABLE = frozenset(
    getattr(onnx.TensorProto, name)
    for name in (
        "FLOAT", "DOUBLE", "FLOAT16", "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32",
        "INT64", "UINT64", "BOOL",
    )
)  # fmt: skip


class NodeRefusedError(Exception):
    """One node cannot be taken; the text is the hint of the support report."""


@dataclass(frozen=True)
class Constant:
    """A value known at import.

    Attributes:
        array: floats as float32, integers as int64, truth values as bool.
        key: name of the stored tensor it is, unchanged; None for a computed value.
    """

    array: AnyArray
    key: str | None = None


@dataclass(frozen=True)
class Flow:
    """A value computed from the picture: a value of the graph being written."""

    name: str
    type: TensorType

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self.type.shape)


Value: TypeAlias = Constant | Flow


def read_tensor(tensor: onnx.TensorProto) -> AnyArray:
    """Values of a stored tensor as float32, int64 or bool.

    Raises:
        NodeRefusedError: the type is not read, or data and shape disagree.
    """
    if tensor.data_type not in _READABLE:
        msg = f"tensor {shown(tensor.name)} has an element type that is not read; use float32"
        raise NodeRefusedError(msg)
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        msg = f"tensor {shown(tensor.name)} is damaged: {error}"
        raise NodeRefusedError(msg) from None
    if array.shape != tuple(tensor.dims) or array.size != prod(tensor.dims):
        msg = f"tensor {shown(tensor.name)} is damaged: its data do not fill its shape"
        raise NodeRefusedError(msg)
    if array.dtype == np.bool_:
        return array
    wide = np.float32 if array.dtype.kind == "f" else np.int64
    with np.errstate(over="ignore"):
        return array.astype(wide)


class OnnxNode:
    """One node with its inputs resolved.

    Args:
        proto: the node in the file.
        inputs: value of each input; None for one left out.
        opset: version of the standard operators.
        readers: how many nodes and graph outputs read each value of the file.
    """

    def __init__(
        self,
        proto: onnx.NodeProto,
        inputs: tuple[Value | None, ...],
        opset: int,
        readers: Mapping[str, int],
    ) -> None:
        self.op = str(proto.op_type)
        self.name = str(proto.name)
        self.inputs = inputs
        self.opset = opset
        self.input_names = tuple(map(str, proto.input))
        self.output_names = tuple(map(str, proto.output))
        self.output = self.output_names[0] if self.output_names else ""
        self._readers = readers
        self._attributes = {str(item.name): item for item in proto.attribute}

    def readers_of_input(self, index: int) -> int:
        """How many nodes and outputs of the file read one of its inputs."""
        return self._readers.get(self.input_names[index], 0)

    def readers_of_output(self, index: int) -> int:
        """How many nodes and outputs of the file read one of its outputs."""
        names = self.output_names
        return self._readers.get(names[index], 0) if index < len(names) else 0

    def flow(self, index: int = 0, rank: int | None = None) -> Flow:
        """An input that is computed from the picture, of a given rank."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if not isinstance(value, Flow):
            msg = f"its input {index} must be computed from the picture"
            raise NodeRefusedError(msg)
        if rank is not None and value.rank != rank:
            msg = f"it works on {value.type}; only inputs of {rank} axes are supported here"
            raise NodeRefusedError(msg)
        return value

    def optional_constant(self, index: int) -> Constant | None:
        """An input known at import, or None where it was left out."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if isinstance(value, Flow):
            msg = f"its input {index} must be a constant, not computed from the picture"
            raise NodeRefusedError(msg)
        return value

    def constant(self, index: int) -> Constant:
        """An input known at import."""
        value = self.optional_constant(index)
        if value is None:
            msg = f"its input {index} is missing"
            raise NodeRefusedError(msg)
        return value

    def weights(self, index: int) -> Constant:
        """A constant of finite floats with at least one element."""
        value = self.constant(index)
        if value.array.dtype != np.float32 or not value.array.size:
            msg = f"its input {index} must hold float32 values"
            raise NodeRefusedError(msg)
        if not np.isfinite(value.array).all():
            msg = f"its input {index} holds values that are not finite"
            raise NodeRefusedError(msg)
        return value

    def has(self, attribute: str) -> bool:
        """Whether the attribute is given."""
        return attribute in self._attributes

    def integer(self, attribute: str, default: int) -> int:
        """An integer attribute."""
        found = self._typed(attribute, _KIND.INT)
        return default if found is None else int(found.i)

    def number(self, attribute: str, default: float) -> float:
        """A float attribute, as the shortest decimal that gives the same float32."""
        found = self._typed(attribute, _KIND.FLOAT)
        return default if found is None else shortest(found.f)

    def text(self, attribute: str, default: str) -> str:
        """A string attribute."""
        found = self._typed(attribute, _KIND.STRING)
        return default if found is None else found.s.decode("utf-8", "replace")

    def integers(self, attribute: str) -> tuple[int, ...] | None:
        """A list of integers, or None where it is not given."""
        found = self._typed(attribute, _KIND.INTS)
        return None if found is None else tuple(map(int, found.ints))

    def floats(self, attribute: str) -> tuple[float, ...] | None:
        """A list of floats, or None where it is not given."""
        found = self._typed(attribute, _KIND.FLOATS)
        return None if found is None else tuple(map(float, found.floats))

    def tensor(self, attribute: str) -> AnyArray | None:
        """A tensor attribute, or None where it is not given."""
        found = self._typed(attribute, _KIND.TENSOR)
        return None if found is None else read_tensor(found.t)

    def list_at(self, index: int, attribute: str) -> tuple[int, ...] | None:
        """Integers that older opsets give as attribute and newer ones as input `index`."""
        given = self.optional_constant(index)
        if given is None:
            return self.integers(attribute)
        return int_list(given.array)

    def _typed(self, attribute: str, kind: int) -> Any:  # noqa: ANN401 - a protobuf message
        found = self._attributes.get(attribute)
        if found is not None and found.type != kind:
            msg = f"its attribute {attribute!r} has the wrong type"
            raise NodeRefusedError(msg)
        return found


def shortest(value: float) -> float:
    """The shortest decimal that rounds to this float32: 1e-05 for what ONNX stores of 1e-5."""
    return float(str(np.float32(value)))


def int_list(array: AnyArray) -> tuple[int, ...]:
    """A constant as a flat list of integers."""
    if array.dtype != np.int64 or array.ndim > 1:
        msg = "a list of integers was expected"
        raise NodeRefusedError(msg)
    return tuple(int(item) for item in np.atleast_1d(array))
