"""Convolutions and pools that have no microkernel of their own: other ranks, batches, dilation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.ir.node import Node
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.program import Argument
from codegen.lowering.step_emitter import address

_SPATIAL = 3


def lower_conv_direct(context: LoweringContext, node: Node) -> None:
    """Lower a convolution of one to three spatial axes at any batch; nothing is fused into it."""
    weight = context.graph.weights[node.weights["weight"]].values
    rank = weight.ndim - 2
    geometry = _geometry(context, node, weight.shape[2:], node.integers("padding")[:rank])
    batch, filters = node.type.shape[:2]
    arguments: dict[str, Argument] = {
        "weights": context.pack(weight, "float"),
        "bias": context.pack(conv_bias(context, node), "float"),
        "geometry": context.pack(geometry, "int32_t"),
        "channels": weight.shape[1],
        "filters": filters,
        "groups": node.integer("groups"),
    }
    kernel = " x ".join(map(str, weight.shape[2:]))
    _emit(context, node, "conv_direct", arguments, batch * filters, f"convolution of {kernel}")
    context.describe("direct")


def lower_pool_direct(context: LoweringContext, node: Node) -> None:
    """Lower a pool of one to three spatial axes at any batch, dilated or not."""
    if node.op == "global_average_pool":
        _emit_whole_planes(context, node)
        return
    kernel, padding = node.integers("kernel"), node.integers("padding")
    rank = len(kernel)
    counts = node.op == "average_pool" and bool(node.attrs["count_include_pad"])
    geometry = _geometry(context, node, kernel, padding[:rank], padding[rank:])
    arguments: dict[str, Argument] = {
        "geometry": context.pack(geometry, "int32_t"),
        "counts_padding": int(counts),
        "order": float(node.integer("order")) if node.op == "lp_pool" else 0.0,
    }
    batch, channels = node.type.shape[:2]
    note = f"{node.op.replace('_', ' ')} of {' x '.join(map(str, kernel))}"
    variant = (node.op.removesuffix("_pool"),)
    _emit(context, node, "pool_direct", arguments, batch * channels, note, variant)


def _emit_whole_planes(context: LoweringContext, node: Node) -> None:
    sizes = context.shape(node.inputs[0])[2:]
    rows = [[1, 1, 1, 1, 1, 0, 0], *([size, 1, size, 1, 1, 0, 0] for size in sizes)]
    arguments: dict[str, Argument] = {
        "geometry": context.pack(np.array(rows, dtype=np.int32), "int32_t"),
        "counts_padding": 0,
        "order": 0.0,
    }
    batch, channels = node.type.shape[:2]
    note = f"average of {batch * channels} planes"
    _emit(context, node, "pool_direct", arguments, batch * channels, note, ("average",))


def _emit(
    context: LoweringContext,
    node: Node,
    family: str,
    arguments: dict[str, Argument],
    extent: int,
    note: str,
    variant: tuple[str, ...] = (),
) -> None:
    source = context.flat(node.inputs[0])
    output = context.buffer(natural_layout(node.type.shape))
    context.emit(
        family,
        {"input": address(source), "output": address(output), **arguments},
        extent=extent,
        reads=(source,),
        writes=output,
        note=note,
        variant=variant,
    )
    context.define(node.name, output)


def _geometry(
    context: LoweringContext, node: Node, kernel: tuple[int, ...], *sides: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """One row a spatial axis, three of them: missing ones in front have one element."""
    columns = (
        context.shape(node.inputs[0])[2:],
        node.type.shape[2:],
        kernel,
        node.integers("stride"),
        node.integers("dilation"),
        *sides,
    )
    rows = [list(row) for row in zip(*columns, strict=True)]
    absent = [1, 1, 1, 1, 1, *(0 for _ in sides)]
    return np.array([absent] * (_SPATIAL - len(rows)) + rows, dtype=np.int32)
