"""Dense convolution over padded planes, filters outside: for layers without zeros."""

from __future__ import annotations

import numpy as np

from codegen.kernels.dense_conv import DENSE_CONV
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.dense_schedule import dense_block, dense_cycles
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """Any kernel and stride, one group; its zeros are multiplied too."""
    if problem.groups != 1:
        return None
    rows, vectors = DENSE_CONV.tiles[problem.target.registers][0]
    filters, columns = problem.matrix.shape
    block = dense_block(problem.in_shape[1], problem.vectors, problem.target)
    cycles = dense_cycles(filters, columns, problem.vectors, problem.target, block)
    schedule = wanted or Schedule("dense", rows, vectors)
    return ConvPlan(schedule, cycles, lambda: _emit(problem, schedule, block))


DENSE = ConvStrategy("dense", plan)


def _emit(problem: ConvProblem, schedule: Schedule, block: int) -> Storage:
    context, node, taps = problem.context, problem.node, problem.taps
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    filters, channels, height, width = problem.values.shape
    rows = DENSE_CONV.tiles[problem.target.registers][0][0]
    missing = -filters % rows
    padded = np.pad(problem.matrix, ((0, missing), (0, 0)))
    weights = padded.reshape(-1, rows, channels * height * width).transpose(0, 2, 1)
    bias = np.pad(conv_bias(context, node), (0, missing))
    offsets = [taps.offset(tap, 0, channels, source.layout) for tap in taps.taps]
    context.emit(
        "conv_dense",
        {
            **conv_arguments(context, node, source, residual, output),
            "taps": context.pack(np.array(offsets), "int32_t"),
            "weights": context.pack(np.ascontiguousarray(weights), "float"),
            "bias": context.pack(bias, "float"),
            "input_plane": source.layout.plane,
            "output_plane": output.layout.plane,
            "channels": channels,
            "tap_count": len(offsets),
            "filters": filters,
            "block": block,
        },
        extent=problem.vectors,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv {height}x{width}, dense: {filters} filters, blocks of {block} vectors",
        activation=node.text("activation"),
        tile=DENSE_CONV.tiles[problem.target.registers][0],
        variant=(
            *(("point",) if len(offsets) == 1 else ()),
            *(() if residual is None else ("add",)),
        ),
    )
    context.describe("dense", schedule)
    return output
