"""3x3 layers of few patterns, filter by filter: the patterns are in the microkernel's code."""

from __future__ import annotations

from codegen.formats.fkw import Fkw, is_packable, pack_fkw
from codegen.formats.fkw_index import run_table
from codegen.kernels.pattern_conv import (
    ENTRIES,
    MOST_TABLE_PATTERNS,
    PATTERN_CONV,
    most_filters,
)
from codegen.kernels.pattern_set import SIDE, pattern_word
from codegen.lowering.program import Storage
from codegen.lowering.strategies.fkw_arguments import (
    even_block,
    fkw_arguments,
    kernel_matrix,
    tap_offsets,
)
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.pattern_schedule import KernelCounts, plan_pattern
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest tile width, where registers hold nine taps and the code all patterns."""
    tiles = PATTERN_CONV.tiles.get(problem.target.registers)
    weight = kernel_matrix(problem)
    if tiles is None or problem.groups != 1 or problem.values.shape[2:] != (SIDE, SIDE):
        return None
    if not is_packable(weight, ENTRIES):
        return None
    ((_, most),) = tiles
    block = even_block(len(weight), most_filters(most, problem.context.lanes))
    packed = pack_fkw(weight, ENTRIES, block)
    if not 0 < len(packed.patterns) <= MOST_TABLE_PATTERNS:
        return None
    found = plan_pattern(KernelCounts.of(packed), problem.vectors, problem.target)
    schedule = wanted or found.schedule
    return ConvPlan(schedule, found.cycles, lambda: _emit(problem, packed, schedule))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile width of the target."""
    ((_, most),) = PATTERN_CONV.tiles[problem.target.registers]
    return [Schedule("pattern", 1, vectors) for vectors in range(1, most + 1)]


PATTERN = ConvStrategy("pattern", plan, candidates)


def _emit(problem: ConvProblem, packed: Fkw, schedule: Schedule) -> Storage:
    context = problem.context
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    masks = [sum(1 << tap for tap in set(taps)) for taps in packed.patterns.tolist()]
    context.emit(
        "conv_pattern",
        {
            **fkw_arguments(problem, packed, source, residual, output),
            "width": schedule.vectors,
            "taps": context.pack(tap_offsets(problem, source), "int32_t"),
            "counts": context.pack(run_table(packed), "uint8_t"),
        },
        extent=problem.vectors,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv by {len(masks)} patterns: {len(packed.filters)} kernels",
        activation=problem.node.text("activation"),
        tile=PATTERN_CONV.tiles[problem.target.registers][0],
        variant=(*(() if residual is None else ("add",)), pattern_word(masks)),
    )
    context.describe("pattern", schedule)
    return output
