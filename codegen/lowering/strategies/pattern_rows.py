"""3x3 layers of few patterns over strips of rows, filter by filter: small maps above all."""

from __future__ import annotations

from codegen.formats.fkw import Fkw, is_packable, pack_fkw
from codegen.formats.fkw_index import run_table
from codegen.kernels.pattern_conv import (
    ENTRIES,
    MOST_TABLE_PATTERNS,
    PATTERN_ROWS,
    most_filters,
)
from codegen.kernels.pattern_set import SIDE, pattern_word
from codegen.lowering.program import Storage
from codegen.lowering.strategies.fkw_arguments import (
    even_block,
    fkw_arguments,
    kernel_matrix,
)
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.pattern_schedule import KernelCounts, plan_pattern_rows
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """Where rows divide into strips and a step down in the kernel is one row of the input."""
    tiles = PATTERN_ROWS.tiles.get(problem.target.registers)
    weight = kernel_matrix(problem)
    if tiles is None or problem.groups != 1 or problem.values.shape[2:] != (SIDE, SIDE):
        return None
    node = problem.node
    if node.integers("stride") != (1, 1) or node.integers("dilation") != (1, 1):
        return None
    if node.integers("padding") != (1, 1, 1, 1) or not is_packable(weight, ENTRIES):
        return None
    ((rows, _),) = tiles
    block = even_block(len(weight), most_filters(rows, problem.context.lanes))
    packed = pack_fkw(weight, ENTRIES, block)
    if not 0 < len(packed.patterns) <= MOST_TABLE_PATTERNS:
        return None
    height, row = node.type.shape[2], problem.out_layout.row
    found = plan_pattern_rows(KernelCounts.of(packed), height, row, problem.target)
    if found is None:
        return None
    return ConvPlan(found.schedule, found.cycles, lambda: _emit(problem, packed, found.schedule))


PATTERN_ROWS_STRATEGY = ConvStrategy("pattern_rows", plan)


def _emit(problem: ConvProblem, packed: Fkw, schedule: Schedule) -> Storage:
    context = problem.context
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    masks = [sum(1 << tap for tap in set(taps)) for taps in packed.patterns.tolist()]
    context.emit(
        "pattern_rows",
        {
            **fkw_arguments(problem, packed, source, residual, output),
            "row": output.layout.row,
            "counts": context.pack(run_table(packed), "uint8_t"),
        },
        extent=output.layout.height // schedule.rows,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv by {len(masks)} patterns in strips: {len(packed.filters)} kernels",
        activation=problem.node.text("activation"),
        tile=PATTERN_ROWS.tiles[problem.target.registers][0],
        variant=(*(() if residual is None else ("add",)), pattern_word(masks)),
    )
    context.describe("pattern", schedule)
    return output
