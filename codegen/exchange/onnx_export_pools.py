"""How pools are written as ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.exchange.onnx_writer import NodeWriter, Writer, plain
from codegen.ir.node import Node


def _window(node: Node) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "kernel_shape": node.integers("kernel"),
        "strides": node.integers("stride"),
        "pads": node.integers("padding"),
        "ceil_mode": int(bool(node.attrs["ceil_mode"])),
    }
    # Older opsets know no dilation of averages.
    if any(step > 1 for step in node.integers("dilation")):
        attrs["dilations"] = node.integers("dilation")
    return attrs


def _average_pool(writer: Writer, node: Node) -> None:
    counted = {"count_include_pad": int(bool(node.attrs["count_include_pad"]))}
    writer.emit("AveragePool", node, node.inputs, {**_window(node), **counted})


def _lp_pool(writer: Writer, node: Node) -> None:
    attrs = {**_window(node), "p": node.integer("order")}
    if not attrs["ceil_mode"]:
        del attrs["ceil_mode"]
    writer.emit("LpPool", node, node.inputs, attrs)


POOLS: Mapping[str, NodeWriter] = {
    "max_pool": plain("MaxPool", _window),
    "average_pool": _average_pool,
    "lp_pool": _lp_pool,
    "global_average_pool": plain("GlobalAveragePool"),
}
"""How each pool of the IR is written."""
