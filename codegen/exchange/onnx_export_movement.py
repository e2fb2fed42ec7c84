"""How movement of values and resizing are written as ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from codegen.exchange.onnx_writer import NodeWriter, Writer, plain
from codegen.ir.node import Node

NEWER_WORDS: Mapping[str, int] = {
    "resize by sizes": 18,
    "antialias": 18,
    "lp pool by more than strides": 18,
    "half_pixel_symmetric": 19,
    "wrap": 19,
    "dilated average": 19,
}
"""Opset from which on an attribute of an older operator may be used."""


def newer_words(node: Node) -> Iterator[str]:
    """Keys of `NEWER_WORDS` that a node needs."""
    attrs = node.attrs
    if node.op == "resize":
        yield str(attrs["coordinates"])
        if attrs["antialias"]:
            yield "antialias"
        if _sizes_say_more(node):
            yield "resize by sizes"
    if node.op == "pad":
        yield str(attrs["mode"])
    if node.op in {"average_pool", "lp_pool"}:
        is_dilated = any(step > 1 for step in node.integers("dilation"))
        if node.op == "average_pool" and is_dilated:
            yield "dilated average"
        if node.op == "lp_pool" and (is_dilated or attrs["ceil_mode"]):
            yield "lp pool by more than strides"


def _sizes_say_more(node: Node) -> bool:
    """Whether scales of single precision would not give the sizes, or not the same scales."""
    return any(float(np.float32(scale)) != scale for scale in node.numbers("scales"))


def _reshape(writer: Writer, node: Node) -> None:
    sizes = node.integers("shape")
    if sizes[:1] == writer.graph.type_of(node.inputs[0]).shape[:1] and sizes:
        # Size 0 copies the batch axis, whatever it is.
        sizes = (0, *sizes[1:])
    writer.emit("Reshape", node, [node.inputs[0], writer.number(node, "shape", sizes, np.int64)])


def _expand(writer: Writer, node: Node) -> None:
    shape = writer.number(node, "shape", node.integers("shape"), np.int64)
    writer.emit("Expand", node, [node.inputs[0], shape])


def _slice(writer: Writer, node: Node) -> None:
    axes, starts, sizes, steps = (
        node.integers(key) for key in ("axes", "starts", "sizes", "steps")
    )
    ends = []
    for axis, start, size, step in zip(axes, starts, sizes, steps, strict=True):
        end, own = start + size * step, writer.graph.type_of(node.inputs[0]).shape[axis]
        # Backwards, an end before the first element must not count from the last.
        ends.append(end if end >= 0 else -own - 1)
    columns = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
    parts = [writer.number(node, name, column, np.int64) for name, column in columns.items()]
    writer.emit("Slice", node, [node.inputs[0], *parts])


def _gather(writer: Writer, node: Node) -> None:
    indices = writer.number(node, "indices", node.integers("indices"), np.int64)
    writer.emit("Gather", node, [node.inputs[0], indices], {"axis": node.integer("axis")})


def _pad(writer: Writer, node: Node) -> None:
    padding, rank = node.integers("padding"), len(node.type.shape)
    axes = len(padding) // 2
    none = (0,) * (rank - axes)
    sides = writer.number(node, "pads", (*none, *padding[:axes], *none, *padding[axes:]), np.int64)
    mode = node.text("mode")
    if mode == "constant":
        value = writer.number(node, "value", node.number("value"), np.float32)
        writer.emit("Pad", node, [node.inputs[0], sides, value])
    else:
        writer.emit("Pad", node, [node.inputs[0], sides], {"mode": mode})


def _resize(writer: Writer, node: Node) -> None:
    attrs: dict[str, Any] = {
        "mode": node.text("mode"),
        "coordinate_transformation_mode": node.text("coordinates"),
        "nearest_mode": node.text("rounding"),
        "cubic_coeff_a": node.number("cubic"),
        "exclude_outside": int(bool(node.attrs["exclude_outside"])),
        "extrapolation_value": node.number("fill"),
    }
    if node.attrs["antialias"]:
        attrs["antialias"] = 1
    shape, own = node.integers("shape"), writer.graph.type_of(node.inputs[0]).shape
    roi = ""
    if node.numbers("roi"):
        roi = writer.number(node, "roi", node.numbers("roi"), np.float32)
    if _sizes_say_more(node):
        # The batch axis is left out, so that it may be of any size.
        axes = [axis for axis, scale in enumerate(node.numbers("scales")) if scale != 1.0]
        sizes = writer.number(node, "sizes", [shape[axis] for axis in axes], np.int64)
        if any(shape[axis] != own[axis] * node.numbers("scales")[axis] for axis in axes):
            attrs["keep_aspect_ratio_policy"] = _policy(node, own)
        inputs = [node.inputs[0], roi, "", sizes]
        attrs["axes"] = axes
    else:
        scales = writer.number(node, "scales", node.numbers("scales"), np.float32)
        inputs = [node.inputs[0], roi, scales]
    writer.emit("Resize", node, inputs, attrs)


def _policy(node: Node, own: tuple[int, ...]) -> str:
    """Rounded sizes come from one scale for all axes, which the smallest or largest size gives."""
    pairs = zip(node.integers("shape"), own, node.numbers("scales"), strict=True)
    ratios = [wanted / size - scale for wanted, size, scale in pairs if scale != 1.0]
    exact = min(ratios, key=abs)
    return "not_larger" if exact == min(ratios) else "not_smaller"


MOVEMENT: Mapping[str, NodeWriter] = {
    "concat": plain("Concat", lambda node: {"axis": node.integer("axis")}),
    "flatten": plain("Flatten", lambda _: {"axis": 1}),
    "reshape": _reshape,
    "transpose": plain("Transpose", lambda node: {"perm": node.integers("perm")}),
    "slice": _slice,
    "expand": _expand,
    "gather": _gather,
    "pad": _pad,
    "resize": _resize,
}
"""How each movement of the IR is written."""
