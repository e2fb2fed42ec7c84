"""Fully connected layers, and 1x1 convolutions of one pixel."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from codegen.formats.column_blocks import pack_column_blocks
from codegen.ir.node import Node
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout import Layout, round_up, vector
from codegen.lowering.program import Storage
from codegen.lowering.step_emitter import address
from codegen.schedules.linear_schedule import plan_linear


def lower_linear(context: LoweringContext, node: Node) -> None:
    """Lower a `linear` node."""
    weight = context.graph.weights[node.weights["weight"]].values
    _emit(context, node, weight)


def lower_vector_conv(context: LoweringContext, node: Node) -> None:
    """Lower a convolution from one pixel to one pixel: only one tap falls on the input."""
    weight = context.graph.weights[node.weights["weight"]].values
    top, left, _, _ = node.integers("padding")
    dilation = node.integers("dilation")
    taps = [
        (ky, kx)
        for ky in range(weight.shape[2])
        for kx in range(weight.shape[3])
        if (ky * dilation[0], kx * dilation[1]) == (top, left)
    ]
    matrix = np.zeros(weight.shape[:2], dtype=np.float32)
    if taps:
        matrix = weight[:, :, taps[0][0], taps[0][1]]
    _emit(context, node, matrix)


def _emit(context: LoweringContext, node: Node, weight: npt.NDArray[np.float32]) -> None:
    outputs = len(weight)
    schedule = context.wanted(node) or plan_linear(weight != 0, context.target)
    lanes = context.lanes // schedule.rows
    width = schedule.vectors * lanes
    packed = pack_column_blocks(weight, width)
    blocks = len(packed.starts) - 1
    source = context.flat(node.inputs[0])
    size = round_up(blocks * width, 16)
    output = context.buffer(Layout(outputs, 1, 1, 1, 1, 0, size))
    bias = np.zeros(blocks * width, dtype=np.float32)
    stored = context.graph.weight(node, "bias")
    if stored is not None:
        bias[:outputs] = stored.values
    kind: Literal["uint16_t", "int32_t"] = "uint16_t" if packed.is_short else "int32_t"
    residual = len(node.inputs) == 2
    context.emit(
        "linear" if packed.is_short else "linear_wide",
        {
            "input": address(source),
            "output": address(output),
            "starts": context.pack(packed.starts, "int32_t"),
            "indices": context.pack(packed.indices, kind),
            "weights": context.pack(packed.values, "float"),
            "bias": context.pack(bias, "float"),
            "alpha": node.number("alpha"),
        },
        extent=blocks,
        reads=(source,),
        writes=output,
        note=f"linear: {weight.shape[1]} inputs to {outputs} outputs, {len(packed.indices)} rows",
        activation="none" if residual else node.text("activation"),
        tile=(1, schedule.vectors),
        lanes=lanes,
    )
    is_sparse = bool((weight == 0).any())
    context.describe("column_blocks" if is_sparse else "dense", schedule)
    if residual:
        output = _add_residual(context, node, output)
    context.define(node.name, output)


def _add_residual(context: LoweringContext, node: Node, output: Storage) -> Storage:
    """A fused residual of one pixel is added in a step of its own."""
    residual = context.flat(node.inputs[1])
    total = context.buffer(vector(output.layout.channels))
    context.emit(
        "binary",
        {
            "left": address(output),
            "right": address(residual),
            "output": address(total),
            "left_plane": 0,
            "right_plane": 0,
            "output_plane": 0,
            "vectors": -(-output.layout.channels // context.lanes),
            "alpha": node.number("alpha"),
        },
        extent=1,
        reads=(output, residual),
        writes=total,
        note="add the residual",
        activation=node.text("activation"),
        variant=("add",),
        in_place=True,
    )
    return total
