"""Pattern layers filter by filter (FKW): kernels that hold up to four weights each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.formats.fkw import FkwBlock, count_runs, is_packable, pack_fkw
from codegen.kernels.pattern_conv import ENTRIES, MOST_FILTERS, PATTERN_CONV
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.pattern_schedule import plan_pattern
from codegen.schedules.schedule import Schedule


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest tile width; kernels with more than four weights do not fit the format."""
    kernels = problem.values.reshape(*problem.values.shape[:2], -1)
    if problem.groups != 1 or not is_packable(kernels, ENTRIES):
        return None
    runs, count = count_runs(kernels, ENTRIES, MOST_FILTERS)
    found = plan_pattern(runs, count, len(kernels), problem.vectors, problem.target)
    schedule = wanted or found.schedule
    return ConvPlan(schedule, found.cycles, lambda: _emit(problem, schedule))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile width of the target."""
    ((_, most),) = PATTERN_CONV.tiles[problem.target.registers]
    return [Schedule("pattern", 1, vectors) for vectors in range(1, most + 1)]


PATTERN = ConvStrategy("pattern", plan, candidates)


def _emit(problem: ConvProblem, schedule: Schedule) -> Storage:
    context, node = problem.context, problem.node
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    kernels = problem.values.reshape(*problem.values.shape[:2], -1)
    blocks = pack_fkw(kernels, ENTRIES, MOST_FILTERS)
    starts = np.cumsum([0, *(len(block.counts) for block in blocks)])
    filters = np.concatenate([block.filters for block in blocks])
    context.emit(
        "conv_pattern",
        {
            **conv_arguments(context, node, source, residual, output),
            "starts": context.pack(starts, "int32_t"),
            "runs": context.pack(_runs(blocks, problem, source), "int32_t"),
            "filters": context.pack(filters, "uint16_t"),
            "weights": context.pack(np.concatenate([b.values for b in blocks]), "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "output_plane": output.layout.plane,
            "filter_count": len(kernels),
            "width": schedule.vectors,
        },
        extent=problem.vectors,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv by patterns: {len(filters)} kernels in {starts[-1]} runs",
        activation=node.text("activation"),
        tile=PATTERN_CONV.tiles[problem.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("pattern", schedule)
    return output


def _runs(
    blocks: tuple[FkwBlock, ...], problem: ConvProblem, source: Storage
) -> npt.NDArray[np.int32]:
    """(runs, 5): offsets of a pattern's taps in a channel, and its kernels."""
    taps, channels = problem.taps, problem.in_shape[1]
    by_tap = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    rows = []
    for block in blocks:
        offsets = block.channels[:, None] * source.layout.plane + by_tap[block.taps]
        rows.append(np.concatenate([offsets, block.counts[:, None]], axis=1))
    return np.concatenate(rows).astype(np.int32)
