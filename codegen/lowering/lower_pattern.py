"""Pattern layers filter by filter, where that costs less than grouping filters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.formats.fkw import FkwBlock, count_runs, is_packable, pack_fkw
from codegen.ir.node import Node
from codegen.kernels.pattern_conv import ENTRIES, MOST_FILTERS, PATTERN_CONV
from codegen.lowering.context import LoweringContext
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Storage
from codegen.lowering.taps import TapGeometry
from codegen.schedules.pattern_schedule import plan_pattern


def emit_pattern(
    context: LoweringContext,
    node: Node,
    taps: TapGeometry,
    source: Storage,
    residual: Storage | None,
    output: Storage,
    cycles: float,
) -> bool:
    """Lower to the pattern microkernel where it is wanted or costs less than `cycles`.

    Returns:
        Whether it did; kernels with more than four weights do not fit the format.
    """
    values = context.graph.weights[node.weights["weight"]].values
    kernels = values.reshape(*values.shape[:2], -1)
    wanted = context.wanted(node)
    if wanted is not None and wanted.format != "pattern":
        return False
    if not is_packable(kernels, ENTRIES):
        return False
    vectors = output.layout.vectors(context.lanes)
    runs, count = count_runs(kernels, ENTRIES, MOST_FILTERS)
    plan = plan_pattern(runs, count, len(values), vectors, context.target)
    if wanted is None and plan.cycles >= cycles:
        return False
    schedule = wanted or plan.schedule
    blocks = pack_fkw(kernels, ENTRIES, MOST_FILTERS)
    starts = np.cumsum([0, *(len(block.counts) for block in blocks)])
    context.emit(
        "conv_pattern",
        {
            **conv_arguments(context, node, source, residual, output),
            "starts": context.pack(starts, "int32_t"),
            "runs": context.pack(_runs(blocks, taps, source, values.shape[1]), "int32_t"),
            "filters": context.pack(np.concatenate([b.filters for b in blocks]), "uint16_t"),
            "weights": context.pack(np.concatenate([b.values for b in blocks]), "float"),
            "bias": context.pack(conv_bias(context, node), "float"),
            "output_plane": output.layout.plane,
            "filter_count": len(values),
            "width": schedule.vectors,
        },
        extent=vectors,
        reads=(source,) if residual is None else (source, residual),
        writes=output,
        note=f"conv by patterns: {count} kernels in {runs} runs",
        activation=node.text("activation"),
        tile=PATTERN_CONV.tiles[context.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("pattern", schedule)
    return True


def _runs(
    blocks: tuple[FkwBlock, ...], taps: TapGeometry, source: Storage, channels: int
) -> npt.NDArray[np.int32]:
    """(runs, 5): offsets of a pattern's taps in a channel, and its kernels."""
    by_tap = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    rows = []
    for block in blocks:
        offsets = block.channels[:, None] * source.layout.plane + by_tap[block.taps]
        rows.append(np.concatenate([offsets, block.counts[:, None]], axis=1))
    return np.concatenate(rows).astype(np.int32)
