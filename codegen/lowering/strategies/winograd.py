"""Dense 3x3 convolution of stride 1 by Winograd's minimal filtering."""

from __future__ import annotations

from codegen.formats.winograd import FILTER_TRANSFORMS, transform_filters
from codegen.kernels.winograd import WINOGRAD
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.layout import Kind
from codegen.lowering.program import Scratch, Storage
from codegen.lowering.step_emitter import address
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.schedule import Schedule
from codegen.schedules.winograd_schedule import WinogradPlan, WinogradShape, plan_winograd


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """From planes to planes. Zeros gain nothing here: sparse layers cost less elsewhere."""
    return _plan(problem, wanted, "planar")


def plan_blocked(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """From planes or blocks of channels to blocks, which lie as the transformed tiles do."""
    return _plan(problem, wanted, "blocked")


def _plan(problem: ConvProblem, wanted: Schedule | None, writes: Kind) -> ConvPlan | None:
    """The cheaper edge of a tile."""
    if not _fits(problem) or problem.context.is_exact:
        return None
    _, filters, height, width = problem.node.type.shape
    shape = WinogradShape(
        problem.in_shape[1],
        filters,
        height,
        width,
        from_blocks=problem.reads == "blocked",
        to_blocks=writes == "blocked",
    )
    edge = None if wanted is None else wanted.rows
    if edge is not None and edge not in FILTER_TRANSFORMS:
        return None
    found = plan_winograd(shape, problem.target, edge)
    name = "winograd" if writes == "planar" else "winograd_blocked"
    schedule = Schedule(name, found.edge, found.block_rows)
    return ConvPlan(schedule, found.cycles, lambda: _emit(problem, found, schedule, writes))


def candidates(_problem: ConvProblem) -> list[Schedule]:
    """Every edge of a tile."""
    return [Schedule("winograd", edge, 1) for edge in FILTER_TRANSFORMS]


def candidates_blocked(_problem: ConvProblem) -> list[Schedule]:
    """Every edge of a tile."""
    return [Schedule("winograd_blocked", edge, 1) for edge in FILTER_TRANSFORMS]


WINOGRAD_STRATEGY = ConvStrategy("winograd", plan, candidates)
WINOGRAD_BLOCKED_STRATEGY = ConvStrategy(
    "winograd_blocked", plan_blocked, candidates_blocked, writes="blocked"
)


def _fits(problem: ConvProblem) -> bool:
    node, lanes = problem.node, problem.target.vector_floats
    filters, channels = problem.values.shape[:2]
    return (
        problem.values.shape[2:] == (3, 3)
        and node.integers("stride") == node.integers("dilation") == (1, 1)
        and problem.groups == 1
        and channels % lanes == filters % lanes == 0
    )


def _storages(problem: ConvProblem, writes: Kind) -> tuple[Storage, Storage | None, Storage]:
    """Input, residual and output."""
    context, node = problem.context, problem.node
    source = context.blocked(node.inputs[0]) if problem.reads == "blocked" else problem.source()
    if writes == "planar":
        return source, problem.residual(), problem.make_output()
    residual = context.blocked(node.inputs[1]) if problem.has_residual else None
    return source, residual, context.buffer(context.blocked_layout(node.name))


def _emit(problem: ConvProblem, found: WinogradPlan, schedule: Schedule, writes: Kind) -> Storage:
    context, node, lanes = problem.context, problem.node, problem.target.vector_floats
    source, residual, output = _storages(problem, writes)
    top, left, _, _ = node.integers("padding")
    _, filters, height, width = node.type.shape
    tile = WINOGRAD.tiles[problem.target.registers][0]
    weights = transform_filters(problem.values, found.edge, lanes, tile[1])
    # In planes, rows narrower than a vector spill into the next, which must be the same thread's.
    spills = writes == "planar" and width < lanes
    takes_all = spills or found.block_rows == found.tile_rows
    words = {
        f"m{found.edge}": True,
        "in": problem.reads == "blocked",
        "out": writes == "blocked",
        "add": residual is not None,
    }
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
            "residual_plane": 0 if residual is None else residual.layout.plane,
            "residual_row": 0 if residual is None else residual.layout.row,
            "channels": problem.in_shape[1],
            "filters": filters,
            "blocks": found.blocks,
            "chunk": found.chunk,
            "input_height": problem.in_shape[2],
            "input_width": problem.in_shape[3],
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
        variant=tuple(word for word, is_set in words.items() if is_set),
    )
    context.describe("winograd", schedule, weights.nbytes)
    return output
