"""Dense depthwise convolution by strips of rows; with stride 2 it reads the input as it lies."""

from __future__ import annotations

from codegen.kernels.depthwise_rows import DEPTHWISE_ROWS, fits_depthwise_rows
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.program import Address, Storage
from codegen.lowering.step_emitter import address
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.depthwise_schedule import depthwise_rows_cycles
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """Square kernels of the family's sizes and strides, without dilation."""
    if not problem.is_depthwise or not _fits(problem):
        return None
    rows, vectors = DEPTHWISE_ROWS.tiles[problem.target.registers][0]
    schedule = wanted or Schedule("depthwise_rows", rows, vectors)
    _, channels, height, width = problem.node.type.shape
    cycles = depthwise_rows_cycles(
        channels,
        (height, width),
        problem.values.shape[2],
        problem.node.integers("stride")[0],
        rows,
        problem.target.vector_floats,
    )
    return ConvPlan(schedule, cycles, lambda: _emit(problem, schedule))


DEPTHWISE_ROWS_STRATEGY = ConvStrategy("depthwise_rows", plan)


def _fits(problem: ConvProblem) -> bool:
    node = problem.node
    return fits_depthwise_rows(
        problem.values.shape[2:], node.integers("stride"), node.integers("dilation")
    )


def _emit(problem: ConvProblem, schedule: Schedule) -> Storage:
    context, node = problem.context, problem.node
    size, stride = problem.values.shape[2], node.integers("stride")[0]
    spacing = problem.spacing if stride == 1 else context.spacing[node.inputs[0]]
    source = context.planar(node.inputs[0], spacing)
    residual, output = problem.residual(), problem.make_output()
    top, left, _, _ = node.integers("padding")
    start = address(source)
    before = top * source.layout.row + left
    _, channels, height, width = node.type.shape
    context.emit(
        "depthwise_rows",
        {
            "input": Address(start.space, start.base, start.elements - before),
            "residual": None if residual is None else address(residual),
            "output": address(output),
            "weights": context.pack(problem.values, "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "input_plane": source.layout.plane,
            "input_row": source.layout.row,
            "output_plane": output.layout.plane,
            "output_row": output.layout.row,
            "height": height,
            "width": width,
            "alpha": node.number("alpha"),
        },
        extent=channels,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"depthwise {size}x{size}: {channels} channels of {height} x {width}, by rows",
        activation=node.text("activation"),
        tile=(schedule.rows, schedule.vectors),
        variant=(f"k{size}", f"s{stride}", *(() if residual is None else ("add",))),
    )
    context.describe("depthwise", schedule)
    return output
