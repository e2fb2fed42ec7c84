"""Kernels of up to four weights, filter by filter: patterns are data, runs sorted by length."""

from __future__ import annotations

import numpy as np

from codegen.formats.fkw import MOST_PATTERNS, Fkw, is_packable, pack_fkw
from codegen.formats.fkw_index import run_classes
from codegen.kernels.pattern_conv import CHANNEL_BLOCK, ENTRIES, RUN_CONV, most_filters
from codegen.lowering.program import Storage
from codegen.lowering.strategies.fkw_arguments import (
    even_block,
    fkw_arguments,
    kernel_matrix,
    tap_offsets,
)
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.pattern_schedule import KernelCounts, plan_runs
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest tile width; kernels with more than four weights do not fit the format."""
    weight = kernel_matrix(problem)
    if problem.groups != 1 or not is_packable(weight, ENTRIES):
        return None
    ((_, most),) = RUN_CONV.tiles[problem.target.registers]
    block = even_block(len(weight), most_filters(most, problem.context.lanes))
    packed = pack_fkw(weight, ENTRIES, block, channel_block=CHANNEL_BLOCK)
    if len(packed.patterns) > MOST_PATTERNS:
        return None
    found = plan_runs(KernelCounts.of(packed), problem.vectors, problem.target)
    schedule = wanted or found.schedule
    return ConvPlan(schedule, found.cycles, lambda: _emit(problem, packed, schedule))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile width of the target."""
    ((_, most),) = RUN_CONV.tiles[problem.target.registers]
    return [Schedule("runs", 1, vectors) for vectors in range(1, most + 1)]


RUNS = ConvStrategy("runs", plan, candidates)


def _emit(problem: ConvProblem, packed: Fkw, schedule: Schedule) -> Storage:
    context = problem.context
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    index = run_classes(packed, CHANNEL_BLOCK)
    planes = np.arange(CHANNEL_BLOCK, dtype=np.int32) * source.layout.plane
    context.emit(
        "conv_runs",
        {
            **fkw_arguments(problem, packed, source, residual, output),
            "width": schedule.vectors,
            "taps": context.pack(tap_offsets(problem, source)[packed.patterns], "int32_t"),
            "planes": context.pack(planes, "int32_t"),
            "classes": context.pack(index.classes, "uint16_t"),
            "runs": context.pack(index.runs, "uint8_t"),
        },
        extent=problem.vectors,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv by runs: {len(packed.filters)} kernels in {len(index.runs)} runs",
        activation=problem.node.text("activation"),
        tile=RUN_CONV.tiles[problem.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("runs", schedule)
    return output
