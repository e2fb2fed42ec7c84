"""Groups of filters over positions without pad columns: small maps, where these waste lanes.

A 7 x 7 map has 49 positions: three vectors of 16 and one position more, instead of the four that
rows of 8 take. What the taps of one column of a kernel read is copied without gaps first; sums of
a group's whole map are kept in room of the thread, then spread into the padded planes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from codegen.formats.grouped import GroupedWeights, pack_grouped
from codegen.kernels.group_conv import AHEAD, COMPACT_CONV
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.layout import LINE_FLOATS, Layout, round_up
from codegen.lowering.program import Address, Argument, Scratch, Storage
from codegen.lowering.step_emitter import address
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.schedules.cost import ODD_CYCLES, copy_cycles, spread_cycles
from codegen.schedules.group_schedule import GroupPlan, Segment, plan_groups
from codegen.schedules.schedule import Schedule

IntArray = npt.NDArray[np.int32]

MOST_POSITIONS = 100
"""On larger maps the copies, one a column of the kernel, outgrow the second cache: 14 x 14 maps of
512 channels took 10 % longer."""
_FEWEST_ODD_ROWS = 4


@dataclass(frozen=True)
class _Map:
    """How positions of one plane fill vectors.

    Attributes:
        vectors: whole vectors.
        is_odd: whether one position is left for lanes of filters.
    """

    vectors: int
    is_odd: bool

    @staticmethod
    def of(problem: ConvProblem, rows: int) -> _Map:
        """Vectors of a problem's output; one position more needs registers beside a tile's."""
        positions, target = problem.out_layout.height * problem.out_layout.width, problem.target
        full, rest = divmod(positions, target.vector_floats)
        # Filters that no whole group takes would be too few lanes.
        fills = len(problem.values) // problem.groups % _FEWEST_ODD_ROWS == 0
        has_room = target.registers == 32 and rows >= _FEWEST_ODD_ROWS and fills
        is_odd = rest == 1 and full > 0 and has_room
        return _Map(full if is_odd else full + (rest > 0), is_odd)


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest group size, order and tile, with the copies before and behind."""
    layout = problem.out_layout
    positions = layout.height * layout.width
    if problem.is_depthwise or not 1 < positions <= MOST_POSITIONS:
        return None
    used = problem.matrix != 0
    found, own = min(
        (
            (plan_groups(used, problem.groups, own.vectors, problem.target, one), own)
            for one in (candidates(problem) if wanted is None else (wanted,))
            for own in (_Map.of(problem, one.rows),)
        ),
        key=lambda pair: pair[0].cycles + pair[1].is_odd * ODD_CYCLES * _offsets_of(used, pair[0]),
    )
    lanes = problem.target.vector_floats
    cycles = found.cycles + spread_cycles(len(used), layout.height, layout.width, lanes)
    if own.is_odd:
        cycles += ODD_CYCLES * _offsets_of(used, found)
    if not _reads_as_it_lies(problem):
        rows = _rows(problem)
        planes = len(_keys(problem)) * problem.in_shape[1]
        cycles += copy_cycles(planes, rows, layout.width, lanes)
    schedule = replace(found.schedule, format="compact")
    return ConvPlan(schedule, cycles, partial(_emit, problem, found, own))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile of the target in both orders."""
    return [
        Schedule("compact", rows, most, order)
        for rows, most in COMPACT_CONV.tiles[problem.target.registers]
        for order in ("natural", "sorted")
    ]


COMPACT = ConvStrategy("compact", plan, candidates)


def _offsets_of(used: npt.NDArray[np.bool_], found: GroupPlan) -> int:
    return sum(
        int(used[s.filters].reshape(len(s.filters) // s.rows, s.rows, -1).any(axis=1).sum())
        for s in found.segments
    )


def _keys(problem: ConvProblem) -> tuple[tuple[tuple[int, int], int], ...]:
    """Phase and shift of the columns that taps read, one copy each."""
    return tuple(sorted({(tap.phase, tap.dx) for tap in problem.taps.taps}))


def _rows(problem: ConvProblem) -> int:
    """Rows that some tap reads: an input without padding is taller than the output."""
    below = max(0, *(tap.dy for tap in problem.taps.taps))
    return problem.taps.margins.top + problem.out_layout.height + below


def _reads_as_it_lies(problem: ConvProblem) -> bool:
    """Whether the input has no pad columns and no tap asks for any."""
    is_plain = problem.taps.stride == (1, 1) and {tap.dx for tap in problem.taps.taps} == {0}
    return is_plain and problem.spacing.row == problem.out_layout.width


@dataclass(frozen=True, eq=False)
class _Columns:
    """What offsets count from.

    Attributes:
        storage: the copies, or the input itself.
        start: its element for position 0 of the output.
        by_tap: (taps,) elements from there to what a tap reads of channel 0.
        plane: elements between channels.
    """

    storage: Storage
    start: Address
    by_tap: IntArray
    plane: int


def _columns(problem: ConvProblem) -> _Columns:
    source, taps, channels = problem.source(), problem.taps, problem.in_shape[1]
    held = source.layout
    if _reads_as_it_lies(problem):
        by_tap = [taps.offset(tap, 0, channels, held) for tap in taps.taps]
        return _Columns(source, address(source), np.array(by_tap, dtype=np.int32), held.plane)
    keys, margins, context = _keys(problem), taps.margins, problem.context
    width = problem.out_layout.width
    rows = _rows(problem)
    plane = round_up(rows * width + LINE_FLOATS, LINE_FLOATS)
    plane += LINE_FLOATS * (plane // LINE_FLOATS % 2 == 0)
    layout = Layout(
        len(keys) * channels, rows, width, plane, width, 0, len(keys) * channels * plane
    )
    name = ("columns", problem.node.inputs[0], keys, rows, margins.top, problem.spacing)
    copies = context.remembered(name)
    if copies is None:
        copies = context.buffer(layout)
        context.remembered(name, copies)
        start = address(source)
        for index, (phase, dx) in enumerate(keys):
            first = taps.phases.index(phase) * channels * held.plane - margins.top * held.row + dx
            context.emit(
                "columns",
                {
                    "input": Address(start.space, start.base, start.elements + first),
                    "output": Address(copies.space, copies.base, index * channels * plane),
                    "input_plane": held.plane,
                    "input_row": held.row,
                    "output_plane": plane,
                    "height": rows,
                    "width": width,
                },
                extent=channels,
                reads=(source,),
                writes=copies,
                note=f"{channels} planes of {rows} x {width} without pad columns, from {dx:+d}",
            )
    by_tap = [
        keys.index((tap.phase, tap.dx)) * channels * plane + (tap.dy + margins.top) * width
        for tap in taps.taps
    ]
    return _Columns(copies, address(copies), np.array(by_tap, dtype=np.int32), plane)


def _emit(problem: ConvProblem, found: GroupPlan, own: _Map) -> Storage:
    context, node = problem.context, problem.node
    columns, residual, output = _columns(problem), problem.residual(), problem.make_output()
    bias = conv_bias(context, node)
    layout, lanes = output.layout, problem.target.vector_floats
    sums_plane = round_up((own.vectors + own.is_odd) * lanes, LINE_FLOATS)
    shared: dict[str, Argument] = {
        "input": columns.start,
        "residual": None if residual is None else address(residual),
        "output": address(output),
        "sums_plane": sums_plane,
        "vectors": own.vectors,
        "height": layout.height,
        "width": layout.width,
        "output_row": layout.row,
        "alpha": node.number("alpha"),
    }
    for segment in found.segments:
        packed = pack_grouped(problem.matrix, segment.filters, segment.rows)
        offsets = _offsets(packed, problem, columns)
        context.emit(
            "conv_compact",
            {
                **shared,
                "starts": context.pack(packed.starts, "int32_t"),
                "offsets": context.pack(np.pad(offsets, (0, AHEAD)), "int32_t"),
                "weights": context.pack(packed.values, "float"),
                "bias": context.pack(bias[packed.filters], "float"),
                "planes": context.pack(packed.filters * layout.plane, "int32_t"),
                "sums": Scratch(segment.rows * sums_plane),
            },
            extent=len(packed.filters),
            reads=(columns.storage,) if residual is None else (columns.storage, residual),
            writes=output,
            note=_note(problem, segment, len(offsets)),
            activation=node.text("activation"),
            tile=(segment.rows, min(segment.vectors, own.vectors)),
            variant=(*(("odd",) if own.is_odd else ()), *(("add",) if residual else ())),
        )
    context.describe("compact", replace(found.schedule, format="compact"))
    return output


def _offsets(packed: GroupedWeights, problem: ConvProblem, columns: _Columns) -> IntArray:
    """Offset of every packed column; columns count (channel of the group, tap)."""
    out_channels, in_channels = problem.values.shape[:2]
    kernel = len(columns.by_tap)
    first_filter = np.repeat(packed.filters[:, 0], np.diff(packed.starts))
    group = first_filter // (out_channels // problem.groups)
    channel = packed.columns // kernel + group * in_channels
    offsets: IntArray = channel * columns.plane + columns.by_tap[packed.columns % kernel]
    return offsets.astype(np.int32)


def _note(problem: ConvProblem, segment: Segment, offsets: int) -> str:
    _, _, height, width = problem.node.type.shape
    kernel = f"{problem.values.shape[2]}x{problem.values.shape[3]}"
    return (
        f"conv {kernel}: {len(segment.filters)} filters over {height} x {width} without pad "
        f"columns, groups of {segment.rows}, {offsets} offsets"
    )
