"""Models of one operator that slides a window, moves values or resizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx_files import model, one_node

_RNG = np.random.default_rng(1)


def _floats(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(np.float32)


def _conv(*weight: int, op: str = "Conv", **attrs: Any) -> Callable[[], onnx.ModelProto]:
    filters = weight[0] if op == "Conv" else weight[1] * attrs.get("group", 1)
    return lambda: one_node(op, {"w": _floats(*weight), "b": _floats(filters)}, **attrs)


def _transposed(*weight: int, **attrs: Any) -> Callable[[], onnx.ModelProto]:
    return _conv(*weight, op="ConvTranspose", **attrs)


def _node(op: str, *tensors: Any, **attrs: Any) -> Callable[[], onnx.ModelProto]:
    named = {f"t{index}": value for index, value in enumerate(tensors)}
    return lambda: one_node(op, named, **attrs)


def _split(*sizes: int, axis: int, count: int, opset: int = 17) -> onnx.ModelProto:
    """A split of which the parts are joined backwards."""
    parts = [f"p{index}" for index in range(count)]
    tensors = {"s": sizes} if sizes and opset >= 13 else {}
    attrs: dict[str, Any] = {"split": sizes} if opset < 13 else {}
    nodes = [
        helper.make_node("Split", ["x", *tensors], parts, axis=axis, **attrs),
        helper.make_node("Concat", parts[::-1], ["y"], axis=axis),
    ]
    return model(nodes, tensors, opset=opset)


def _resize(
    scales: tuple[float, ...] = (),
    sizes: tuple[int, ...] = (),
    *,
    opset: int = 18,
    roi: tuple[float, ...] = (),
    **attrs: Any,
) -> Callable[[], onnx.ModelProto]:
    tensors = {"roi": np.array(roi, dtype=np.float32), "scales": np.array(scales, np.float32)}
    if sizes:
        tensors["sizes"] = np.array(sizes)
    return lambda: one_node("Resize", tensors, opset=opset, **attrs)


WINDOWS: dict[str, Callable[[], onnx.ModelProto]] = {
    "conv of rows": _conv(4, 3, 3, shape=(1, 3, 17), strides=[2], pads=[2, 1], dilations=[2]),
    "conv of volumes": _conv(
        4, 3, 2, 3, 1, shape=(1, 6, 5, 7, 6), group=2, strides=[2, 1, 2], pads=[1, 0, 0, 0, 2, 1]
    ),
    "conv grouped, dilated, uneven": _conv(
        6,
        3,
        3,
        2,
        shape=(1, 6, 9, 17),
        group=2,
        dilations=[2, 3],
        pads=[3, 0, 1, 2],
        strides=[1, 3],
    ),
    "conv transpose": _transposed(3, 4, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1]),
    "conv transpose that skips": _transposed(
        3, 2, 1, 2, strides=[7, 5], pads=[1, 3, 48, 33], shape=(1, 3, 8, 8)
    ),
    "conv transpose grouped": _transposed(
        6, 2, 4, 3, shape=(1, 6, 7, 9), group=3, strides=[2, 3], output_padding=[1, 2]
    ),
    "conv transpose dilated": _transposed(3, 2, 3, 2, dilations=[2, 3], pads=[0, 1, 2, 0]),
    "conv transpose of a shape": _transposed(3, 2, 3, 3, strides=[2, 2], output_shape=[18, 16]),
    "conv transpose same upper": _transposed(3, 2, 3, 4, strides=[2, 3], auto_pad="SAME_UPPER"),
    "conv transpose same lower": _transposed(3, 2, 4, 4, strides=[3, 1], auto_pad="SAME_LOWER"),
    "conv transpose valid": _transposed(3, 2, 2, 2, strides=[2, 2], auto_pad="VALID"),
    "conv transpose of rows": _transposed(3, 2, 4, shape=(1, 3, 9), strides=[2], pads=[1, 1]),
    "conv transpose of volumes": _transposed(
        2, 3, 2, 3, 2, shape=(1, 2, 3, 4, 5), strides=[2, 1, 2], pads=[0, 1, 0, 0, 1, 1]
    ),
    "max pool dilated": _node(
        "MaxPool", kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 0, 2, 1], strides=[1, 2]
    ),
    "max pool up": _node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max pool of rows": _node("MaxPool", shape=(1, 3, 17), kernel_shape=[3], strides=[2]),
    "max pool of volumes": _node("MaxPool", shape=(1, 2, 5, 6, 7), kernel_shape=[2, 3, 2]),
    "average pool up": _node("AveragePool", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1),
    "average pool dilated": _node(
        "AveragePool", opset=19, kernel_shape=[3, 2], dilations=[2, 2], pads=[1, 1, 1, 1]
    ),
    "average pool of rows": _node("AveragePool", shape=(1, 3, 9), kernel_shape=[4], pads=[1, 2]),
    "average pool of volumes": _node(
        "AveragePool", shape=(1, 2, 5, 6, 7), kernel_shape=[2, 2, 3], count_include_pad=1
    ),
    "lp pool": _node("LpPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=3),
    "global max pool of rows": _node("GlobalMaxPool", shape=(1, 3, 9)),
    "global average pool of volumes": _node("GlobalAveragePool", shape=(1, 3, 4, 5, 2)),
    "global lp pool": _node("GlobalLpPool", p=2),
}
"""Convolutions and pools."""

MOVES: dict[str, Callable[[], onnx.ModelProto]] = {
    "concat with a constant": lambda: one_node("Concat", {"c": _floats(1, 3, 8, 2)}, axis=-1),
    "split evenly": lambda: _split(axis=3, count=4),
    "split unevenly": lambda: _split(1, 0, 5, 2, axis=2, count=4),
    "split old": lambda: _split(3, 1, 4, axis=2, count=3, opset=9),
    "slice": _node("Slice", [1, -1], [3, -9], [1, 2], [1, -2]),
    "slice old": _node("Slice", starts=[0, 2], ends=[2, 2**31 - 1], axes=[1, 3], opset=9),
    "slice backwards": _node("Slice", [-1, 100], [-(2**31), 0], [3, 2], [-1, -3]),
    "reshape": _node("Reshape", [0, -1, 4]),
    "flatten behind": _node("Flatten", axis=2),
    "flatten all": _node("Flatten", axis=0),
    "squeeze": _node("Squeeze", [1, -1], shape=(1, 1, 8, 1)),
    "squeeze old": _node("Squeeze", axes=[1], shape=(1, 1, 8, 3), opset=9),
    "unsqueeze old": _node("Unsqueeze", axes=[2, 5], opset=9),
    "squeeze of all": _node("Squeeze", shape=(1, 1, 8, 3)),
    "unsqueeze": _node("Unsqueeze", [0, -1]),
    "transpose": _node("Transpose", perm=[0, 2, 3, 1]),
    "transpose backwards": _node("Transpose"),
    "expand": _node("Expand", [2, 1, 3, 8, 1]),
    "tile": _node("Tile", [1, 2, 1, 3]),
    "gather": _node("Gather", [2, 0, -1, 0], axis=1),
    "gather evenly": _node("Gather", [6, 4, 2], axis=-1),
    "gather one": _node("Gather", np.int64(-2), axis=2),
    "gather table": _node("Gather", [[0, 1], [7, 7]], axis=3),
    "pad edge": _node("Pad", [0, 1, 2, 0, 0, 0, 1, 3], mode="edge"),
    "pad reflect": _node("Pad", [0, 0, 2, 1, 0, 1, 1, 3], mode="reflect"),
    "pad wrap": _node("Pad", [0, 1, 2, 0, 0, 0, 1, 3], mode="wrap", opset=19),
    "pad that wraps often": _node(
        "Pad", [0, 0, 9, 0, 0, 0, 7, 8], mode="wrap", opset=19, shape=(1, 3, 2, 3)
    ),
    "pad that cuts": _node("Pad", [0, 0, -2, 1, 0, 0, 1, -3], np.float32(0.5)),
    "depth to space": _node("DepthToSpace", shape=(1, 18, 3, 5), blocksize=3),
    "pixel shuffle": _node("DepthToSpace", shape=(1, 8, 3, 5), blocksize=2, mode="CRD"),
    "space to depth": _node("SpaceToDepth", blocksize=2),
    "center crop pad": _node("CenterCropPad", [5, 11], axes=[2, 3], opset=18),
}
"""Movement of values."""

RESIZES: dict[str, Callable[[], onnx.ModelProto]] = {
    **{
        f"{mode} {coordinates}": _resize((1, 1, 2.0, 0.75), mode=mode, **{_WHERE: coordinates})
        for _WHERE in ("coordinate_transformation_mode",)
        for mode in ("nearest", "linear", "cubic")
        for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
    },
    **{
        f"nearest {rounding}": _resize((1, 1, 0.75, 2.5), nearest_mode=rounding)
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    },
    "to sizes": _resize(sizes=(1, 3, 5, 13), mode="linear"),
    "to sizes of axes": _resize(sizes=(13, 5), axes=[3, 2], mode="linear"),
    "not larger": _resize(sizes=(9, 21), axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
    "not smaller": _resize(sizes=(9, 5), axes=[2, 3], keep_aspect_ratio_policy="not_smaller"),
    "linear antialias": _resize((1, 1, 0.5, 0.7), mode="linear", antialias=1),
    "cubic antialias": _resize((1, 1, 0.5, 0.7), mode="cubic", antialias=1),
    "cubic exclude": _resize((1, 1, 1.5, 0.7), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5),
    "crop": _resize(
        sizes=(1, 3, 5, 4),
        roi=(0, 0, 0.2, -0.3, 1, 1, 0.7, 1.1),
        mode="linear",
        extrapolation_value=2.5,
        coordinate_transformation_mode="tf_crop_and_resize",
    ),
    "of opset 11": _resize((1, 1, 2.0, 0.5), opset=11, mode="linear"),
    "of opset 13": _resize(sizes=(1, 3, 3, 19), opset=13, mode="cubic"),
    "of opset 11 for classifiers": _resize(
        (1, 1, 1.5, 0.75), opset=11, coordinate_transformation_mode="tf_half_pixel_for_nn"
    ),
    "of opset 10": lambda: one_node(
        "Resize", {"s": np.array([1, 1, 2, 3], np.float32)}, opset=10, mode="nearest"
    ),
    "upsample": lambda: one_node(
        "Upsample", {"s": np.array([1, 1, 2, 3], np.float32)}, opset=9, mode="linear"
    ),
    "upsample by attribute": lambda: one_node("Upsample", opset=8, scales=[1.0, 1.0, 2.0, 1.5]),
}
"""Resizing."""
