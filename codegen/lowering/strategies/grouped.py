"""Groups of filters that share positions, over padded planes: the strategy for every layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.formats.grouped import GroupedWeights, pack_grouped
from codegen.kernels.group_conv import AHEAD, GROUP_CONV
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.group_schedule import GroupPlan, Segment, plan_groups
from codegen.schedules.schedule import Schedule

IntArray = npt.NDArray[np.int32]


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest group size, order and tile."""
    if problem.is_depthwise:
        return None
    found = plan_groups(
        problem.matrix != 0, problem.groups, problem.vectors, problem.target, wanted
    )
    return ConvPlan(found.schedule, found.cycles, lambda: _emit(problem, found))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile of the target, narrower ones too, in both orders."""
    return [
        Schedule("grouped", rows, vectors, order)
        for rows, most in GROUP_CONV.tiles[problem.target.registers]
        for vectors in range(1, most + 1)
        for order in ("natural", "sorted")
    ]


GROUPED = ConvStrategy("grouped", plan, candidates)


def _emit(problem: ConvProblem, found: GroupPlan) -> Storage:
    context, node = problem.context, problem.node
    source, residual, output = problem.source(), problem.residual(), problem.make_output()
    shared = conv_arguments(context, node, source, residual, output)
    bias = conv_bias(context, node)
    for segment in found.segments:
        packed = pack_grouped(problem.matrix, segment.filters, segment.rows)
        offsets = _offsets(packed, problem, source)
        context.emit(
            "conv_group",
            {
                **shared,
                "starts": context.pack(packed.starts, "int32_t"),
                "offsets": context.pack(np.pad(offsets, (0, AHEAD)), "int32_t"),
                "weights": context.pack(packed.values, "float"),
                "bias": context.pack(bias[packed.filters], "float"),
                "planes": context.pack(packed.filters * output.layout.plane, "int32_t"),
                "groups": len(packed.filters),
                "width": segment.vectors,
            },
            extent=problem.vectors,
            reads=(source,) if residual is None else (source, residual),
            writes=output,
            note=_note(problem, segment, len(offsets)),
            activation=node.text("activation"),
            tile=(segment.rows, dict(GROUP_CONV.tiles[problem.target.registers])[segment.rows]),
            variant=() if residual is None else ("add",),
        )
    context.describe("grouped" if (problem.matrix == 0).any() else "dense", found.schedule)
    return output


def _offsets(packed: GroupedWeights, problem: ConvProblem, source: Storage) -> IntArray:
    """Offset of every packed column; columns count (channel of the group, tap)."""
    out_channels, in_channels = problem.values.shape[:2]
    taps = problem.taps
    kernel = len(taps.taps)
    channels = in_channels * problem.groups
    by_tap = np.array([taps.offset(tap, 0, channels, source.layout) for tap in taps.taps])
    first_filter = np.repeat(packed.filters[:, 0], np.diff(packed.starts))
    group = first_filter // (out_channels // problem.groups)
    channel = packed.columns // kernel + group * in_channels
    offsets: IntArray = channel * source.layout.plane + by_tap[packed.columns % kernel]
    return offsets.astype(np.int32)


def _note(problem: ConvProblem, segment: Segment, offsets: int) -> str:
    _, _, height, width = problem.node.type.shape
    kernel = f"{problem.values.shape[2]}x{problem.values.shape[3]}"
    return (
        f"conv {kernel}: {len(segment.filters)} filters over {height} x {width}, "
        f"groups of {segment.rows}, {offsets} offsets"
    )
