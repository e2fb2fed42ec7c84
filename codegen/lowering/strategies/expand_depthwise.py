"""A 1x1 convolution and the depthwise one behind it in one step, band by band of rows.

What lies between is the largest value of an inverted bottleneck (MobileNetV2, figure 3): in a band
for a few blocks of channels it never leaves the level-2 cache.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from codegen.formats.grouped import pack_grouped
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import sole_user
from codegen.kernels.blocked import BLOCKED_CONV
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout import Kind
from codegen.lowering.program import Scratch, Storage
from codegen.lowering.step_emitter import address
from codegen.lowering.strategies.blocked import (
    column_offsets,
    kernel_places,
    padded_bias,
    picture_of,
    pixel_source,
    share_offsets,
)
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan
from codegen.lowering.taps import direct_margins
from codegen.schedules.blocked_schedule import Band, plan_band


def depthwise_behind(context: LoweringContext, node: Node) -> Node | None:
    """The depthwise convolution that can take up a 1x1 convolution before it, or None."""
    graph = context.graph
    other = sole_user(graph, node.name)
    if other is None or other.op != "conv" or len(node.inputs) + len(other.inputs) > 2:
        return None
    if context.wanted(node) is not None or context.wanted(other) is not None:
        return None
    one, two = ConvProblem(context, node), ConvProblem(context, other)
    is_plain = (
        one.values.shape[2:] == (1, 1)
        and one.groups == 1
        and node.integers("stride") == (1, 1)
        and not any(node.integers("padding"))
    )
    stride = other.integers("stride")
    alike = all(node.attrs[key] == other.attrs[key] for key in ("activation", "alpha"))
    sizes = (*node.type.shape[2:], *other.type.shape[2:])
    if not (is_plain and two.is_depthwise and alike and stride[0] == stride[1] <= 2):
        return None
    return other if min(sizes) > 1 else None


def plan_expand_depthwise(
    context: LoweringContext, expand: Node, depthwise: Node, reads: Kind
) -> ConvPlan | None:
    """Both in one step; None where the rows of one band are too long for the cache."""
    first, second = ConvProblem(context, expand, reads), ConvProblem(context, depthwise)
    _, _, height, _ = expand.type.shape
    margins = direct_margins(context.graph, depthwise, expand.type.shape)
    kernel = second.values.shape[2:]
    reach = (kernel[0] - 1) * depthwise.integers("dilation")[0]
    found = plan_band(
        first.matrix != 0,
        picture_of(first),
        picture_of(second),
        margins.row,
        margins.left,
        depthwise.integers("stride")[0],
        reach,
        second.matrix.shape[1],
        context.target,
    )
    if found is None or height < 2:
        return None
    return ConvPlan(found.schedule, found.cycles, partial(_emit, first, second, found))


def _emit(first: ConvProblem, second: ConvProblem, band: Band) -> Storage:
    context = first.context
    # The step is the 1x1 convolution's: what the depthwise one does is told with it.
    context.begin(first.node)
    source = pixel_source(first)
    output = context.buffer(context.blocked_layout(second.node.name))
    lanes, width = context.lanes, band.blocks * context.lanes
    filters = len(first.matrix)
    matrix = np.pad(first.matrix, ((0, -filters % lanes), (0, 0)))
    rows = np.arange(len(matrix), dtype=np.int32)
    packed = pack_grouped(matrix, rows, width)
    every = column_offsets(
        packed.columns, packed.starts, rows[::width].astype(np.int64), first, source
    )
    offsets, firsts = share_offsets(every, packed.starts)
    dy, dx = kernel_places(second)
    top, _, _, _ = second.node.integers("padding")
    # The band begins with the padding, so its first row is what the first tap reads.
    depth_offsets = (dy + top) * band.row + dx * lanes
    taps = len(depth_offsets)
    depth = np.pad(second.matrix, ((0, -filters % lanes), (0, 0)))
    layout = output.layout
    context.emit(
        "expand_depthwise",
        {
            "input": address(source.storage),
            "band": Scratch(band.elements),
            "output": address(output),
            "starts": context.pack(packed.starts, "int32_t"),
            "firsts": context.pack(firsts, "int32_t"),
            "offsets": context.pack(offsets, "int32_t"),
            "weights": context.pack(packed.values, "float"),
            "bias": context.pack(padded_bias(first), "float"),
            "depth_offsets": context.pack(depth_offsets, "int32_t"),
            "depth_weights": context.pack(
                depth.reshape(-1, lanes, taps).transpose(0, 2, 1), "float"
            ),
            "depth_bias": context.pack(padded_bias(second), "float"),
            "input_row": source.storage.layout.row,
            "guard": band.guard,
            "band_row": band.row,
            "output_plane": band.plane,
            "depth_row": layout.row,
            "depth_plane": layout.plane,
            "input_height": first.node.type.shape[2],
            "input_width": first.node.type.shape[3],
            "height": layout.height,
            "width": layout.width,
            "columns": band.columns,
            "rows": band.rows,
            "top": top,
            "reach": int(dy.max() + top),
            "taps": taps,
            "alpha": first.node.number("alpha"),
        },
        extent=len(matrix) // width * -(-layout.height // band.rows),
        reads=(source.storage,),
        writes=output,
        note=f"conv 1x1 to {filters} channels and depthwise by bands of {band.rows} rows",
        activation=first.node.text("activation"),
        tile=(band.blocks, dict(BLOCKED_CONV.tiles[context.target.registers])[band.blocks]),
        variant=(
            *(("planar",) * (first.reads == "planar")),
            *(("half",) * (second.node.integers("stride")[0] == 2)),
        ),
    )
    is_sparse = bool((first.matrix == 0).any())
    context.describe("blocked" if is_sparse else "dense", band.schedule)
    context.add_macs(second.node)
    return output
