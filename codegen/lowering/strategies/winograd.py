"""Dense 3x3 convolution of stride 1 by Winograd's minimal filtering."""

from __future__ import annotations

from codegen.formats.winograd import FILTER_TRANSFORMS, transform_filters
from codegen.kernels.winograd import WINOGRAD
from codegen.lowering.context import address
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.program import Scratch, Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.schedule import Schedule
from codegen.schedules.winograd_schedule import WinogradPlan, WinogradShape, plan_winograd


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheaper edge of a tile. Zeros gain nothing here: sparse layers cost less elsewhere."""
    if not _fits(problem) or problem.context.is_exact:
        return None
    _, filters, height, width = problem.node.type.shape
    shape = WinogradShape(problem.in_shape[1], filters, height, width)
    edge = None if wanted is None else wanted.rows
    if edge is not None and edge not in FILTER_TRANSFORMS:
        return None
    found = plan_winograd(shape, problem.target, edge)
    schedule = Schedule("winograd", found.edge, found.block_rows)
    return ConvPlan(schedule, found.cycles, lambda: _emit(problem, found, schedule))


def candidates(_problem: ConvProblem) -> list[Schedule]:
    """Every edge of a tile."""
    return [Schedule("winograd", edge, 1) for edge in FILTER_TRANSFORMS]


WINOGRAD_STRATEGY = ConvStrategy("winograd", plan, candidates)


def _fits(problem: ConvProblem) -> bool:
    node, lanes = problem.node, problem.target.vector_floats
    filters, channels = problem.values.shape[:2]
    return (
        problem.values.shape[2:] == (3, 3)
        and node.integers("stride") == node.integers("dilation") == (1, 1)
        and problem.groups == 1
        and channels % lanes == filters % lanes == 0
    )


def _emit(problem: ConvProblem, found: WinogradPlan, schedule: Schedule) -> Storage:
    context, node, lanes = problem.context, problem.node, problem.target.vector_floats
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    top, left, _, _ = node.integers("padding")
    _, filters, height, width = node.type.shape
    tile = WINOGRAD.tiles[problem.target.registers][0]
    weights = transform_filters(problem.values, found.edge, lanes, tile[1])
    # Rows narrower than a vector spill into the next one, which must be the same thread's.
    takes_all = width < lanes or found.block_rows == found.tile_rows
    context.emit(
        "winograd",
        {
            "input": address(source),
            "residual": None if residual is None else address(residual),
            "output": address(output),
            "weights": context.pack(weights, "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "patch": Scratch(found.patch),
            "spread": Scratch(found.spread),
            "product": Scratch(found.product),
            "input_plane": source.layout.plane,
            "input_row": source.layout.row,
            "output_plane": output.layout.plane,
            "output_row": output.layout.row,
            "channels": problem.in_shape[1],
            "filters": filters,
            "blocks": found.blocks,
            "input_height": problem.in_shape[2],
            "height": height,
            "width": width,
            "top": top,
            "left": left,
            "tile_rows": found.tile_rows,
            "tile_columns": found.tile_columns,
            "patch_columns": found.patch_columns,
            "block_rows": found.block_rows,
            "takes_all_tiles": int(takes_all),
            "alpha": node.number("alpha"),
        },
        extent=found.blocks if takes_all else found.tile_rows,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=(
            f"conv 3x3 by Winograd F({found.edge}x{found.edge}): {filters} filters over "
            f"{height} x {width}"
        ),
        activation=node.text("activation"),
        tile=tile,
        variant=(f"m{found.edge}", *(() if residual is None else ("add",))),
    )
    context.describe("winograd", schedule, weights.nbytes)
    return output
