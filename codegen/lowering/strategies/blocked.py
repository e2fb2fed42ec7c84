"""Convolution and depthwise convolution over blocks of channels (kernels.md 5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from codegen.formats.grouped import pack_grouped
from codegen.kernels.blocked import BLOCKED_CONV, BLOCKED_DEPTHWISE
from codegen.lowering.conv_arguments import conv_bias
from codegen.lowering.layout import Spacing, round_up
from codegen.lowering.program import Argument, Storage
from codegen.lowering.step_emitter import address
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.lowering.taps import direct_margins
from codegen.schedules.blocked_schedule import (
    BlockedPlan,
    BlockedSegment,
    Picture,
    blocked_depthwise_cycles,
    plan_blocked,
)
from codegen.schedules.schedule import Schedule

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def plan(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """The cheapest tile; pixels come from planes or from blocks of channels."""
    if problem.is_depthwise or problem.node.integers("stride")[1] > 2:
        return None
    found = plan_blocked(
        problem.matrix != 0, problem.groups, picture_of(problem), problem.target, wanted
    )
    if found is None:
        return None
    return ConvPlan(found.schedule, found.cycles, partial(_emit, problem, found))


def plan_depthwise(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan | None:
    """One product a tap and vector of channels; input and output lie in blocks."""
    stride = problem.node.integers("stride")[1]
    if not problem.is_depthwise or problem.reads == "planar" or stride > 2:
        return None
    rows, pixels = BLOCKED_DEPTHWISE.tiles[problem.target.registers][0]
    taps = problem.matrix.shape[1]
    cycles = blocked_depthwise_cycles(
        len(problem.values), taps, picture_of(problem), problem.target
    )
    schedule = wanted or Schedule("blocked_depthwise", rows, pixels)
    return ConvPlan(schedule, cycles, partial(_emit_depthwise, problem))


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every tile of the target, and half as wide."""
    return [
        Schedule("blocked", blocks, width)
        for blocks, pixels in BLOCKED_CONV.tiles[problem.target.registers]
        for width in (pixels, pixels // 2)
    ]


BLOCKED = ConvStrategy("blocked", plan, candidates, writes="blocked")
BLOCKED_DEPTHWISE_CONV = ConvStrategy("blocked_depthwise", plan_depthwise, writes="blocked")


@dataclass(frozen=True)
class PixelSource:
    """What pixels are read from: strides between channels, rows and columns."""

    storage: Storage
    step: int

    def offsets(self, channel: IntArray, dy: IntArray, dx: IntArray) -> IntArray:
        """Elements from a pixel to others."""
        layout = self.storage.layout
        found: IntArray = (
            channel // layout.block * layout.plane
            + channel % layout.block
            + dy * layout.row
            + dx * layout.block
        )
        return found


def picture_of(problem: ConvProblem) -> Picture:
    """The output, as tiles are cut from it."""
    _, channels, height, width = problem.in_shape
    _, _, out_height, out_width = problem.node.type.shape
    return Picture(out_height, out_width, 4 * channels * height * width)


def pixel_source(problem: ConvProblem) -> PixelSource:
    """The input as the problem reads it, with the zeros around it that its kernel needs."""
    context, name = problem.context, problem.node.inputs[0]
    stride = problem.node.integers("stride")[1]
    if problem.reads == "blocked":
        return PixelSource(context.blocked(name), stride * context.lanes)
    margins = direct_margins(context.graph, problem.node, problem.in_shape)
    held = context.value(name).layout
    above = margins.exact.guard
    if held.is_planar and held.row >= margins.row and held.origin >= above:
        return PixelSource(context.value(name), stride)
    # A copy with room for this reader; the model's input has to be copied anyway.
    own = context.spacing[name]
    return PixelSource(
        context.planar(
            name, Spacing(max(own.row, margins.row), round_up(max(own.guard, above), 16))
        ),
        stride,
    )


def kernel_places(problem: ConvProblem) -> tuple[IntArray, IntArray]:
    """Rows and columns from a pixel to what each tap reads, (taps,) each."""
    top, left, _, _ = problem.node.integers("padding")
    dilation = problem.node.integers("dilation")
    ys, xs = np.indices(problem.values.shape[2:]).reshape(2, -1)
    return ys * dilation[0] - top, xs * dilation[1] - left


def _shared(
    problem: ConvProblem, source: PixelSource, residual: Storage | None, output: Storage
) -> dict[str, Argument]:
    layout = output.layout
    return {
        "input": address(source.storage),
        "residual": None if residual is None else address(residual),
        "input_row": source.storage.layout.row * problem.node.integers("stride")[0],
        "output_row": layout.row,
        "output_plane": layout.plane,
        "residual_row": 0 if residual is None else residual.layout.row,
        "residual_plane": 0 if residual is None else residual.layout.plane,
        "height": layout.height,
        "width": layout.width,
        "alpha": problem.node.number("alpha"),
    }


def _words(problem: ConvProblem, *, pair: bool = False) -> tuple[str, ...]:
    stride = problem.node.integers("stride")[1]
    words = {
        "planar": problem.reads == "planar",
        "s2": stride == 2,
        "pair": pair,
        "add": problem.has_residual,
    }
    return tuple(word for word, is_set in words.items() if is_set)


def _storages(problem: ConvProblem) -> tuple[Storage | None, Storage]:
    context, node = problem.context, problem.node
    residual = context.blocked(node.inputs[1]) if problem.has_residual else None
    return residual, context.buffer(context.blocked_layout(node.name))


def padded_bias(problem: ConvProblem) -> FloatArray:
    """Bias of whole blocks of filters."""
    bias = conv_bias(problem.context, problem.node)
    return np.pad(bias, (0, -len(bias) % problem.context.lanes))


def _emit(problem: ConvProblem, found: BlockedPlan) -> Storage:
    source = pixel_source(problem)
    residual, output = _storages(problem)
    filters = len(problem.matrix)
    lanes = problem.context.lanes
    matrix = np.pad(problem.matrix, ((0, -filters % lanes), (0, 0)))
    for segment in found.segments:
        _emit_segment(problem, segment, matrix, source, residual, output)
    is_sparse = bool((problem.matrix == 0).any())
    problem.context.describe("blocked" if is_sparse else "dense", found.schedule)
    return output


def _emit_segment(
    problem: ConvProblem,
    segment: BlockedSegment,
    matrix: FloatArray,
    source: PixelSource,
    residual: Storage | None,
    output: Storage,
) -> None:
    context, node = problem.context, problem.node
    width = segment.blocks * context.lanes
    rows = np.arange(segment.first * context.lanes, len(matrix))[: segment.groups * width]
    packed = pack_grouped(matrix, rows.astype(np.int32), width)
    offsets, firsts = share_offsets(
        column_offsets(packed.columns, packed.starts, rows[::width], problem, source), packed.starts
    )
    layout = output.layout
    tiles = -(-layout.height // (2 if segment.pair else 1)) * -(-layout.width // segment.columns)
    shared = _shared(problem, source, residual, output)
    at = segment.first * layout.plane
    shared["output"] = address(Storage("arena", output.base, layout, at))
    if residual is not None:
        moved = residual.first + segment.first * residual.layout.plane
        held = Storage(residual.space, residual.base, residual.layout, moved)
        shared["residual"] = address(held)
    bias = padded_bias(problem)[rows]
    kernel = f"{problem.values.shape[2]}x{problem.values.shape[3]}"
    context.emit(
        "conv_blocked",
        {
            **shared,
            "starts": context.pack(packed.starts, "int32_t"),
            "firsts": context.pack(firsts, "int32_t"),
            "offsets": context.pack(offsets, "int32_t"),
            "weights": context.pack(packed.values, "float"),
            "bias": context.pack(bias, "float"),
            "groups": segment.groups,
            "columns": segment.columns,
            "keeps_weights": int(segment.keeps_weights),
        },
        extent=segment.groups * tiles,
        reads=(source.storage,) if residual is None else (source.storage, residual),
        writes=output,
        note=f"conv {kernel}: {segment.groups} groups of {segment.blocks} filter blocks over "
        f"{layout.height} x {layout.width}, {len(packed.columns)} offsets",
        activation=node.text("activation"),
        tile=(segment.blocks, dict(BLOCKED_CONV.tiles[context.target.registers])[segment.blocks]),
        variant=_words(problem, pair=segment.pair),
    )


def column_offsets(
    columns: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int32],
    first_filters: IntArray,
    problem: ConvProblem,
    source: PixelSource,
) -> IntArray:
    """Offset of every packed column; columns count (channel of the group, tap)."""
    out_channels, in_channels = problem.values.shape[:2]
    dy, dx = kernel_places(problem)
    group = np.repeat(first_filters, np.diff(starts)) // (out_channels // problem.groups)
    channel = columns // len(dy) + group * in_channels
    return source.offsets(channel, dy[columns % len(dy)], dx[columns % len(dy)])


def share_offsets(offsets: IntArray, starts: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray]:
    """Offsets without those that repeat the first group's, and where each group's begin."""
    parts = np.split(offsets, starts[1:-1])
    if all(np.array_equal(part, parts[0]) for part in parts):
        return parts[0], np.zeros(len(parts), dtype=np.int64)
    return offsets, starts[:-1].astype(np.int64)


def _emit_depthwise(problem: ConvProblem) -> Storage:
    context, node = problem.context, problem.node
    source = pixel_source(problem)
    residual, output = _storages(problem)
    channels, lanes = len(problem.values), context.lanes
    blocks = -(-channels // lanes)
    matrix = np.pad(problem.matrix, ((0, -channels % lanes), (0, 0)))
    used = np.flatnonzero(problem.matrix.any(axis=0)) if problem.matrix.any() else np.array([0])
    dy, dx = kernel_places(problem)
    offsets = source.offsets(np.zeros(len(used), dtype=np.int64), dy[used], dx[used])
    weights = matrix.reshape(blocks, lanes, -1)[:, :, used].transpose(0, 2, 1)
    context.emit(
        "depthwise_blocked",
        {
            **_shared(problem, source, residual, output),
            "output": address(output),
            "offsets": context.pack(offsets, "int32_t"),
            "weights": context.pack(weights, "float"),
            "bias": context.pack(padded_bias(problem), "float"),
            "input_plane": source.storage.layout.plane,
            "taps": len(used),
        },
        extent=blocks * output.layout.height,
        reads=(source.storage,) if residual is None else (source.storage, residual),
        writes=output,
        note=f"depthwise: {channels} channels of {len(used)} weights in {blocks} blocks",
        activation=node.text("activation"),
        tile=BLOCKED_DEPTHWISE.tiles[context.target.registers][0],
        variant=_words(problem),
    )
    context.describe("depthwise")
    return output
