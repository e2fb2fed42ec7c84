"""Convolutions become constant offsets over padded planes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.formats.grouped import GroupedWeights, pack_grouped
from codegen.ir.node import Node
from codegen.kernels.depthwise_conv import DEPTHWISE_CONV
from codegen.kernels.group_conv import GROUP_CONV
from codegen.lowering.context import LoweringContext
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.layout import Layout, Spacing, planar
from codegen.lowering.lower_linear import lower_vector_conv
from codegen.lowering.lower_pattern import emit_pattern
from codegen.lowering.program import Storage
from codegen.lowering.taps import TapGeometry, conv_taps
from codegen.schedules.group_schedule import Segment, plan_groups

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]


def lower_conv(context: LoweringContext, node: Node) -> None:
    """Lower a convolution of any stride, padding, dilation and number of groups."""
    weight = context.graph.weights[node.weights["weight"]].values
    in_shape = context.shape(node.inputs[0])
    if in_shape[2:] == node.type.shape[2:] == (1, 1) and node.integer("groups") == 1:
        lower_vector_conv(context, node)
        return
    taps = conv_taps(node, in_shape, (weight.shape[2], weight.shape[3]))
    spacing = context.spacing[node.name]
    source = _source(context, node, taps, spacing)
    _, filters, height, width = node.type.shape
    layout = planar(filters, height, width, spacing)
    output = context.buffer(layout)
    residual = context.planar(node.inputs[1], spacing) if len(node.inputs) == 2 else None
    if node.integer("groups") == in_shape[1] == filters > 1:
        _emit_depthwise(context, node, taps, source, residual, output)
    else:
        _emit_grouped(context, node, taps, source, residual, output)
    if height * width == 1:
        flat = context.buffer(Layout(filters, 1, 1, 1, 1, 0, -(-filters // 16) * 16))
        context.copy(output, flat, "without gaps")
        output = flat
    context.define(node.name, output)


def _source(context: LoweringContext, node: Node, taps: TapGeometry, spacing: Spacing) -> Storage:
    """Planes that the offsets count from: the input itself, or its phases."""
    name = node.inputs[0]
    if taps.stride == (1, 1):
        return context.planar(name, spacing)
    key = (name, "phases", taps.stride, taps.phases, spacing)
    known = context.remembered(key)
    if known is not None:
        return known
    held = context.value(name)
    channels = held.layout.channels
    layout = planar(channels * len(taps.phases), taps.height, taps.width, spacing)
    phases = context.buffer(layout)
    is_split = taps.stride[1] == 2 and held.layout.height * held.layout.width > 1
    if is_split and held.space != "arena":
        held = context.planar(name, context.spacing[name])
    for index, phase in enumerate(taps.phases):
        part = Storage("arena", phases.base, layout, index * channels * layout.plane)
        if is_split:
            context.split(held, part, phase, taps.stride)
        else:
            note = f"(phase {phase[0]}, {phase[1]})"
            context.copy(held, part, note, start=phase, stride=taps.stride)
    context.remembered(key, phases)
    return phases


def _emit_grouped(
    context: LoweringContext,
    node: Node,
    taps: TapGeometry,
    source: Storage,
    residual: Storage | None,
    output: Storage,
) -> None:
    values = context.graph.weights[node.weights["weight"]].values
    matrix = values.reshape(len(values), -1)
    groups = node.integer("groups")
    vectors = output.layout.vectors(context.lanes)
    wanted = context.wanted(node)
    plan = plan_groups(
        matrix != 0,
        groups,
        vectors,
        context.target,
        wanted if wanted is not None and wanted.format == "grouped" else None,
    )
    if groups == 1 and emit_pattern(context, node, taps, source, residual, output, plan.cycles):
        return
    shared = conv_arguments(context, node, source, residual, output)
    bias = conv_bias(context, node)
    for segment in plan.segments:
        packed = pack_grouped(matrix, segment.filters, segment.rows)
        offsets = _offsets(packed, taps, source, node, values)
        count = len(packed.filters)
        context.emit(
            "conv_group",
            {
                **shared,
                "starts": context.pack(packed.starts, "int32_t"),
                "offsets": context.pack(offsets, "int32_t"),
                "weights": context.pack(packed.values, "float"),
                "bias": context.pack(bias[packed.filters], "float"),
                "planes": context.pack(packed.filters * output.layout.plane, "int32_t"),
                "groups": count,
                "width": segment.vectors,
            },
            extent=vectors,
            reads=(source,) if residual is None else (source, residual),
            writes=output,
            note=_note(node, values, segment, len(offsets)),
            activation=node.text("activation"),
            tile=(segment.rows, dict(GROUP_CONV.tiles[context.target.registers])[segment.rows]),
            variant=() if residual is None else ("add",),
        )
    context.describe("grouped" if (matrix == 0).any() else "dense", plan.schedule)


def _offsets(
    packed: GroupedWeights,
    taps: TapGeometry,
    source: Storage,
    node: Node,
    values: FloatArray,
) -> IntArray:
    """Offset of every packed column; columns count (channel of the group, tap)."""
    out_channels, in_channels = values.shape[:2]
    groups = node.integer("groups")
    kernel = len(taps.taps)
    channels = in_channels * groups
    by_tap = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    first_filter = np.repeat(packed.filters[:, 0], np.diff(packed.starts))
    channel = packed.columns // kernel + first_filter // (out_channels // groups) * in_channels
    offsets: IntArray = channel * source.layout.plane + by_tap[packed.columns % kernel]
    return offsets.astype(np.int32)


def _emit_depthwise(
    context: LoweringContext,
    node: Node,
    taps: TapGeometry,
    source: Storage,
    residual: Storage | None,
    output: Storage,
) -> None:
    values = context.graph.weights[node.weights["weight"]].values
    channels = len(values)
    offsets = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    context.emit(
        "conv_depthwise",
        {
            **conv_arguments(context, node, source, residual, output),
            "offsets": context.pack(offsets, "int32_t"),
            "weights": context.pack(values, "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "input_plane": source.layout.plane,
            "output_plane": output.layout.plane,
            "taps": len(offsets),
            "vectors": output.layout.vectors(context.lanes),
        },
        extent=channels,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"depthwise: {channels} channels of {len(offsets)} weights",
        activation=node.text("activation"),
        tile=DEPTHWISE_CONV.tiles[context.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("depthwise")


def _note(node: Node, values: FloatArray, segment: Segment, offsets: int) -> str:
    _, _, height, width = node.type.shape
    kernel = f"{values.shape[2]}x{values.shape[3]}"
    return (
        f"conv {kernel}: {len(segment.filters)} filters over {height} x {width}, "
        f"groups of {segment.rows}, {offsets} offsets"
    )
