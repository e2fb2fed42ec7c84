"""What goes into an ONNX model and comes out, and what our exporter noted beside it."""

from __future__ import annotations

import json
from math import isfinite, prod
from typing import Any

import onnx

from codegen.errors import ImportRefusedError
from codegen.exchange.onnx_file import MAX_RANK
from codegen.exchange.report import shown
from codegen.ir.graph import Preprocessing
from codegen.ir.tensor import TensorType

PREPROCESSING_KEY = "punchcard.preprocessing"
CLASSES_KEY = "punchcard.classes"

_MAX_EXTENT = 65_536
_MAX_ELEMENTS = 2**28
_MAX_METADATA_BYTES = 64 * 1024


def read_inputs(model: onnx.ModelProto, *, any_shape: bool, several: bool) -> dict[str, TensorType]:
    """Names and types of what a model reads.

    Args:
        model: the file.
        any_shape: whether inputs of any static shape are taken, as they are; else they must be
            pictures, at batch 1.
        several: whether there may be any number of inputs; else one.

    Raises:
        ImportRefusedError: there are too many, or one is not float32 of static shape.
    """
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    if len(inputs) != 1 and not several:
        names = ", ".join(shown(value.name) for value in inputs[:5]) or "none"
        msg = f"the model reads {len(inputs)} inputs ({names}); export it with one picture as input"
        raise ImportRefusedError(msg)
    return {str(value.name): _read_input(value, any_shape=any_shape) for value in inputs}


def _read_input(value: onnx.ValueInfoProto, *, any_shape: bool) -> TensorType:
    tensor = value.type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        msg = f"input {shown(value.name)} is not float32; export the model in float32"
        raise ImportRefusedError(msg)
    sizes = [_extent(value.name, axis, dim) for axis, dim in enumerate(tensor.shape.dim)]
    most = MAX_RANK if any_shape else 4
    if not (0 if any_shape else 2) <= len(sizes) <= most:
        msg = (
            f"input {shown(value.name)} has {len(sizes)} axes; a picture has 4 "
            "(batch, channel, height, width)"
        )
        raise ImportRefusedError(msg)
    return _checked(value.name, sizes, any_shape=any_shape)


def _extent(name: str, axis: int, dim: Any) -> int:  # noqa: ANN401 - a protobuf message
    size = int(dim.dim_value) if dim.HasField("dim_value") else 0
    if size > 0:
        return size
    if axis == 0:
        return 1
    label = f" ({shown(dim.dim_param)})" if dim.dim_param else ""
    msg = (
        f"axis {axis}{label} of input {shown(name)} is dynamic; export with a fixed size: "
        "leave this axis out of dynamic_axes (only axis 0, the batch, may be dynamic)"
    )
    raise ImportRefusedError(msg)


def _checked(name: str, sizes: list[int], *, any_shape: bool) -> TensorType:
    if not any_shape and sizes[0] != 1:
        msg = (
            f"input {shown(name)} has a fixed batch of {sizes[0]}; export with batch 1 or with "
            "dynamic_axes for axis 0"
        )
        raise ImportRefusedError(msg)
    if max(sizes, default=1) > _MAX_EXTENT or prod(sizes) > _MAX_ELEMENTS:
        msg = f"input {shown(name)} of {sizes} is larger than the limit of {_MAX_EXTENT} a side"
        raise ImportRefusedError(msg)
    return TensorType(tuple(sizes))


def read_outputs(model: onnx.ModelProto, *, several: bool) -> tuple[str, ...]:
    """Names of what a model gives: one value, or with `several` at least one.

    Raises:
        ImportRefusedError: there is none, or there are several.
    """
    names = [str(value.name) for value in model.graph.output]
    if not names or (len(names) != 1 and not several):
        listed = ", ".join(shown(name) for name in names[:5]) or "none"
        msg = f"the model gives {len(names)} outputs ({listed}); export it with one output"
        raise ImportRefusedError(msg)
    return tuple(names)


def read_preprocessing(model: onnx.ModelProto, channels: int) -> Preprocessing | None:
    """The normalisation our exporter stored, or None.

    Raises:
        ImportRefusedError: something of that name is stored that cannot be it.
    """
    found = _metadata(model, PREPROCESSING_KEY)
    if found is None:
        return None
    mean, std = (_numbers(found, key, channels) for key in ("mean", "std"))
    if min(std) <= 0:
        raise ImportRefusedError(_damaged(PREPROCESSING_KEY))
    return Preprocessing(mean, std)


def read_classes(model: onnx.ModelProto) -> tuple[str, ...]:
    """The class names our exporter stored, or none.

    Raises:
        ImportRefusedError: something of that name is stored that cannot be it.
    """
    found = _metadata(model, CLASSES_KEY)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ImportRefusedError(_damaged(CLASSES_KEY))
    return tuple(found)


def _numbers(found: Any, key: str, count: int) -> tuple[float, ...]:  # noqa: ANN401 - JSON
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, list) or len(value) != count:
        raise ImportRefusedError(_damaged(PREPROCESSING_KEY))
    if not all(isinstance(item, int | float) and isfinite(item) for item in value):
        raise ImportRefusedError(_damaged(PREPROCESSING_KEY))
    return tuple(map(float, value))


def _metadata(model: onnx.ModelProto, key: str) -> Any:  # noqa: ANN401 - JSON
    text = next((row.value for row in model.metadata_props if row.key == key), None)
    if text is None:
        return None
    if len(text) > _MAX_METADATA_BYTES:
        raise ImportRefusedError(_damaged(key))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ImportRefusedError(_damaged(key)) from None


def _damaged(key: str) -> str:
    return f"the model's metadata {key!r} cannot be read; remove it or export the model again"
