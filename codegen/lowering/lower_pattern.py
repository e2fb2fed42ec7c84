"""Pattern layers filter by filter, where that costs less than grouping filters."""

from __future__ import annotations

import numpy as np

from codegen.formats.fkw import FkwBlock, is_packable, pack_fkw
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
    if len(taps.taps) < ENTRIES or not is_packable(kernels, ENTRIES):
        return False
    blocks = pack_fkw(kernels, ENTRIES, MOST_FILTERS)
    vectors = output.layout.vectors(context.lanes)
    plan = plan_pattern(blocks, len(values), vectors, context.target)
    schedule = plan.schedule
    if wanted is None and plan.cycles >= cycles:
        return False
    if wanted is not None and wanted.format != "pattern":
        return False
    if wanted is not None:
        schedule = wanted
    starts = np.cumsum([0, *(len(block.runs) for block in blocks)])
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
        note=f"conv by patterns: {sum(len(b.filters) for b in blocks)} kernels, {starts[-1]} runs",
        activation=node.text("activation"),
        tile=PATTERN_CONV.tiles[context.target.registers][0],
        variant=() if residual is None else ("add",),
    )
    context.describe("pattern", schedule)
    return True


def _runs(
    blocks: tuple[FkwBlock, ...], taps: TapGeometry, source: Storage, channels: int
) -> np.ndarray:
    """(runs, 5): offsets of a pattern's taps in a channel, and its kernels."""
    by_tap = [taps.offset(tap, 0, channels, source.layout) for tap in taps.taps]
    rows = [
        [*(channel * source.layout.plane + by_tap[tap] for tap in pattern), count]
        for block in blocks
        for channel, pattern, count in block.runs
    ]
    return np.array(rows, dtype=np.int32).reshape(-1, ENTRIES + 1)
