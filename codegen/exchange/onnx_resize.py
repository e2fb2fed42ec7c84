"""Resize and Upsample of an ONNX file."""

from __future__ import annotations

import numpy as np

from codegen.exchange.onnx_node import AnyArray, Flow, NodeRefusedError, OnnxNode, int_list
from codegen.exchange.onnx_scope import Scope
from codegen.ir.node import AttrValue

_MAX_EXTENT = 65_536


def resize(scope: Scope, node: OnnxNode) -> Flow:
    """Resize by scales or to sizes, in all modes of all opsets."""
    x = node.flow()
    if node.opset < 11:
        return _old(scope, node, x, _floats(node.constant(1).array))
    axes = _axes(node, x.rank)
    scales = [1.0] * x.rank
    shape = list(x.type.shape)
    given, sizes = node.optional_constant(2), node.optional_constant(3)
    if sizes is not None and sizes.array.size:
        _by_sizes(node, int_list(sizes.array), axes, scales, shape)
    elif given is not None and given.array.size:
        _by_scales(_floats(given.array), axes, scales, shape)
    else:
        msg = "it has neither scales nor sizes"
        raise NodeRefusedError(msg)
    roi = node.optional_constant(1)
    attrs: dict[str, AttrValue] = {
        "mode": node.text("mode", "nearest"),
        "coordinates": node.text("coordinate_transformation_mode", "half_pixel"),
        "rounding": node.text("nearest_mode", "round_prefer_floor"),
        "cubic": node.number("cubic_coeff_a", -0.75),
        "exclude_outside": bool(node.integer("exclude_outside", 0)),
        "antialias": bool(node.integer("antialias", 0)),
        "fill": node.number("extrapolation_value", 0.0),
        "roi": (),
    }
    if attrs["coordinates"] == "tf_crop_and_resize":
        if roi is None:
            msg = "it crops, but its region is missing"
            raise NodeRefusedError(msg)
        attrs["roi"] = _region(_floats(roi.array), axes, x.rank)
    return _resized(scope, node, x, shape, scales, attrs)


def upsample(scope: Scope, node: OnnxNode) -> Flow:
    """Upsample of older opsets."""
    x = node.flow()
    scales = node.floats("scales") if node.opset < 9 else _floats(node.constant(1).array)
    return _old(scope, node, x, scales or ())


def _old(scope: Scope, node: OnnxNode, x: Flow, given: tuple[float, ...]) -> Flow:
    """What came before opset 11: no choice of coordinates, and shrinking takes the next pixel."""
    scales, shape = [1.0] * x.rank, list(x.type.shape)
    _by_scales(given, tuple(range(x.rank)), scales, shape)
    attrs: dict[str, AttrValue] = {
        "mode": node.text("mode", "nearest"),
        "coordinates": "asymmetric",
        "rounding": "ceil" if min(scales) < 1 else "floor",
    }
    return _resized(scope, node, x, shape, scales, attrs)


def _resized(
    scope: Scope,
    node: OnnxNode,
    x: Flow,
    shape: list[int],
    scales: list[float],
    attrs: dict[str, AttrValue],
) -> Flow:
    if any(not 0 < size <= _MAX_EXTENT for size in shape):
        msg = f"its output {tuple(shape)} is out of range"
        raise NodeRefusedError(msg)
    name = scope.name_of(node)
    return scope.add(
        name, "resize", x, weights=None, shape=tuple(shape), scales=tuple(scales), **attrs
    )


def _axes(node: OnnxNode, rank: int) -> tuple[int, ...]:
    axes = node.integers("axes") or tuple(range(rank))
    if len({axis % rank for axis in axes if -rank <= axis < rank}) != len(axes):
        msg = f"its axes {axes} are impossible"
        raise NodeRefusedError(msg)
    return tuple(axis % rank for axis in axes)


def _by_sizes(
    node: OnnxNode,
    sizes: tuple[int, ...],
    axes: tuple[int, ...],
    scales: list[float],
    shape: list[int],
) -> None:
    _same_length(sizes, axes)
    own = [wanted / shape[axis] for wanted, axis in zip(sizes, axes, strict=True)]
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        for wanted, axis, scale in zip(sizes, axes, own, strict=True):
            scales[axis], shape[axis] = scale, wanted
        return
    if policy not in {"not_larger", "not_smaller"}:
        msg = f"its keep_aspect_ratio_policy {policy!r} is unknown"
        raise NodeRefusedError(msg)
    scale = min(own) if policy == "not_larger" else max(own)
    for axis in axes:
        scales[axis], shape[axis] = scale, int(scale * shape[axis] + 0.5)


def _by_scales(
    given: tuple[float, ...], axes: tuple[int, ...], scales: list[float], shape: list[int]
) -> None:
    _same_length(given, axes)
    for scale, axis in zip(given, axes, strict=True):
        if not 0 < scale <= _MAX_EXTENT:
            msg = f"its scales {given} are out of range"
            raise NodeRefusedError(msg)
        # In single precision, as runtimes compute it: 1.3 times 10 is 13.
        shape[axis] = int(np.float32(scale) * np.float32(shape[axis]))
        scales[axis] = scale


def _region(roi: tuple[float, ...], axes: tuple[int, ...], rank: int) -> tuple[float, ...]:
    starts, ends = [0.0] * rank, [1.0] * rank
    if len(roi) != 2 * len(axes):
        msg = "its region does not fit its axes"
        raise NodeRefusedError(msg)
    for index, axis in enumerate(axes):
        starts[axis], ends[axis] = roi[index], roi[len(axes) + index]
    return (*starts, *ends)


def _same_length(given: tuple[float, ...], axes: tuple[int, ...]) -> None:
    if len(given) != len(axes):
        msg = f"it has {len(given)} scales or sizes for {len(axes)} axes"
        raise NodeRefusedError(msg)


def _floats(array: AnyArray) -> tuple[float, ...]:
    if array.dtype != np.float32 or not np.isfinite(array).all():
        msg = "its scales must be finite float32 values"
        raise NodeRefusedError(msg)
    return tuple(float(item) for item in array.reshape(-1))
