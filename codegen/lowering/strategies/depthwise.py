"""Depthwise convolution over padded planes."""

from __future__ import annotations

import numpy as np

from codegen.kernels.depthwise_conv import DEPTHWISE_CONV
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.depthwise_schedule import depthwise_cycles, split_cycles
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """Any kernel, stride and dilation; zeros are skipped."""
    if not problem.is_depthwise:
        return None
    rows, vectors = DEPTHWISE_CONV.tiles[problem.target.registers][0]
    schedule = wanted or Schedule("depthwise", rows, vectors)
    channels = len(problem.matrix)
    taps = np.count_nonzero(problem.matrix) / channels
    cycles = depthwise_cycles(channels, taps, problem.vectors, vectors)
    if problem.taps.stride != (1, 1):
        pixels = problem.in_shape[2] * problem.in_shape[3]
        cycles += channels * split_cycles(pixels, problem.target.vector_floats)
    return ConvPlan(schedule, cycles, lambda: _emit(problem))


DEPTHWISE = ConvStrategy("depthwise", plan)


def _emit(problem: ConvProblem) -> Storage:
    context, node, taps = problem.context, problem.node, problem.taps
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    channels = len(problem.values)
    offsets = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    channel, tap = np.nonzero(problem.matrix)
    starts = np.searchsorted(channel, np.arange(channels + 1))
    context.emit(
        "conv_depthwise",
        {
            **conv_arguments(context, node, source, residual, output),
            "offsets": context.pack(offsets, "int32_t"),
            "starts": context.pack(starts, "int32_t"),
            "taps": context.pack(tap, "uint16_t"),
            "weights": context.pack(problem.matrix[channel, tap], "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "input_plane": source.layout.plane,
            "output_plane": output.layout.plane,
            "vectors": problem.vectors,
        },
        extent=channels,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"depthwise: {channels} channels, {len(tap)} weights",
        activation=node.text("activation"),
        tile=DEPTHWISE_CONV.tiles[problem.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("depthwise")
    return output
