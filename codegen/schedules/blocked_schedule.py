"""Chooses tile and order of a convolution over blocks of channels, and what it should cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.errors import ScheduleError
from codegen.kernels.blocked import BLOCKED_CONV, BLOCKED_DEPTHWISE
from codegen.lowering.layout import LINE_FLOATS
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

BoolArray = npt.NDArray[np.bool_]

# Even in the level-1 cache with every register in use, 14 cycles of products take 16.6.
_SLOWNESS = 1.18
# A 64-byte load and a broadcast take the same port; 1.4 a cycle were measured where each product
# needs one.
_LOADS_A_CYCLE = 1.4
_FMA_LATENCY = 4.0
_TILE_CYCLES = 24.0
_STORE_CYCLES = 1.5
_BAND_BYTES = 768 << 10
"""Of a band; with 512 KiB a MobileNetV2 takes 1 % longer, with 96 KiB 5 %."""
_CACHED_BYTES = 1 << 20
"""What stays in a level-2 cache beside everything else."""


@dataclass(frozen=True)
class Picture:
    """Output picture and input size of a convolution: what tiles are cut from."""

    height: int
    width: int
    input_bytes: int


@dataclass(frozen=True)
class BlockedSegment:
    """Blocks of filters that one microkernel takes, `blocks` at a time.

    Attributes:
        blocks: filter blocks of a group.
        first: first filter block.
        groups: how many groups.
        pair: whether a tile takes two rows.
        columns: columns of a full tile.
        keeps_weights: whether a group visits all tiles before the next group begins.
    """

    blocks: int
    first: int
    groups: int
    pair: bool
    columns: int
    keeps_weights: bool


@dataclass(frozen=True)
class BlockedPlan:
    """A schedule, the segments it means, and what they should cost."""

    schedule: Schedule
    segments: tuple[BlockedSegment, ...]
    cycles: float


def plan_blocked(
    used: BoolArray,
    conv_groups: int,
    picture: Picture,
    target: Target,
    wanted: Schedule | None = None,
) -> BlockedPlan | None:
    """The cheapest plan by the cost model, or the wanted one; None where filters do not divide.

    Args:
        used: (filters, columns) where weights are not zero.
        conv_groups: groups of the convolution; a group of blocks must not span two.
        picture: of the output.
        target: gives tiles and lanes.
        wanted: a schedule to follow instead of choosing: rows are blocks, vectors pixels.

    Raises:
        ScheduleError: the target has no such tile.
    """
    lanes = target.vector_floats
    tiles = BLOCKED_CONV.tiles[target.registers]
    if wanted is not None and not any(
        wanted.rows == blocks and 1 <= wanted.vectors <= pixels for blocks, pixels in tiles
    ):
        msg = f"schedule {wanted} fits no tile of target {target.full_name}"
        raise ScheduleError(msg)
    filters = len(used)
    total = -(-filters // lanes)
    padded = np.zeros((total * lanes, used.shape[1]), dtype=np.bool_)
    padded[:filters] = used
    by_block = np.logical_or.reduce(padded.reshape(total, lanes, -1), axis=1)
    best: BlockedPlan | None = None
    for blocks, pixels in tiles:
        if wanted is not None and wanted.rows != blocks:
            continue
        if conv_groups > 1 and (filters // conv_groups) % (blocks * lanes):
            continue
        most = pixels if wanted is None else wanted.vectors
        plan = _plan(by_block, blocks, most, picture, target)
        if plan is not None and (best is None or plan.cycles < best.cycles):
            best = plan
    return best


def _plan(
    by_block: BoolArray, blocks: int, pixels: int, picture: Picture, target: Target
) -> BlockedPlan | None:
    lanes = target.vector_floats
    segments = []
    cycles = 0.0
    first = 0
    most = dict(BLOCKED_CONV.tiles[target.registers])
    # What does not fill a group goes to smaller ones, down to single blocks.
    for count in sorted({size for size in most if size <= blocks}, reverse=True):
        groups = (len(by_block) - first) // count
        if not groups:
            continue
        part = by_block[first : first + groups * count].reshape(groups, count, -1)
        offsets = int(part.any(axis=1).sum())
        widest = pixels if count == blocks else most[count]
        pair, columns, spent = _cut(offsets, groups, count, widest, picture)
        keeps = _keeps_weights(4 * offsets * count * lanes, groups, columns, picture)
        segments.append(BlockedSegment(count, first, groups, pair, columns, keeps))
        cycles += spent
        first += groups * count
    if not segments:
        return None
    return BlockedPlan(Schedule("blocked", blocks, pixels), tuple(segments), cycles)


def _cut(
    offsets: int, groups: int, blocks: int, pixels: int, picture: Picture
) -> tuple[bool, int, float]:
    """One row or two a tile, columns of a full tile, and the cycles of all tiles."""

    def cycles(rows: int, columns: int) -> float:
        count = rows * columns
        loads = (count + blocks + 0.5) / _LOADS_A_CYCLE
        step = max(blocks * count / 2 * _SLOWNESS, loads, _FMA_LATENCY)
        return offsets * step + groups * (_TILE_CYCLES + _STORE_CYCLES * blocks * count)

    found = []
    for pair in (False, True):
        most = pixels // 2 if pair else pixels
        if not most or (pair and picture.height < 2):
            continue
        across = -(-picture.width // most)
        columns = -(-picture.width // across)
        last = picture.width - (across - 1) * columns
        if last < 1:  # equal parts may need one tile less
            continue
        counts = {2: picture.height // 2, 1: picture.height % 2} if pair else {1: picture.height}
        spent = sum(
            times * ((across - 1) * cycles(rows, columns) + cycles(rows, last))
            for rows, times in counts.items()
        )
        found.append((spent, pair, columns))
    spent, pair, columns = min(found)
    return pair, columns, spent


def _keeps_weights(weight_bytes: int, groups: int, columns: int, picture: Picture) -> bool:
    """Whether less comes from behind the level-2 cache if weights stay and pixels pass."""
    tiles = picture.height * -(-picture.width // columns)
    staying = picture.input_bytes * (groups if picture.input_bytes > _CACHED_BYTES else 1)
    passing = weight_bytes * (tiles if weight_bytes > _CACHED_BYTES else 1)
    return weight_bytes + staying <= passing + picture.input_bytes


@dataclass(frozen=True)
class Band:
    """Rows of a 1x1 convolution's output that a depthwise one reads at once.

    Attributes:
        schedule: blocks and pixels of a tile of the 1x1 convolution.
        blocks: filter blocks of a group.
        columns: columns of a full tile.
        rows: rows of the depthwise output that a band serves.
        row: elements between rows of the band.
        guard: elements before its first pixel.
        plane: elements between its blocks.
        cycles: of the whole layer on one thread.
    """

    schedule: Schedule
    blocks: int
    columns: int
    rows: int
    row: int
    guard: int
    plane: int
    cycles: float

    @property
    def elements(self) -> int:
        """Room of one thread."""
        return self.blocks * self.plane


def plan_band(
    used: BoolArray,
    inner: Picture,
    outer: Picture,
    row: int,
    left: int,
    stride: int,
    reach: int,
    taps: int,
    target: Target,
) -> Band | None:
    """The cheapest band, or None where one row of output needs too much room.

    Args:
        used: (filters, channels) where weights of the 1x1 convolution are not zero.
        inner: its output.
        outer: the output of the depthwise convolution.
        row: pixels between rows of the band, padding included.
        left: pixels of padding before each row.
        stride: of the depthwise convolution.
        reach: rows behind the first that one row of its output reads.
        taps: its weights of a channel.
        target: gives tiles and lanes.
    """
    lanes = target.vector_floats
    total = -(-len(used) // lanes)
    padded = np.zeros((total * lanes, used.shape[1]), dtype=np.bool_)
    padded[: len(used)] = used
    by_block = np.logical_or.reduce(padded.reshape(total, lanes, -1), axis=1)
    spread = blocked_depthwise_cycles(len(used), taps, outer, target)
    best: Band | None = None
    for blocks, pixels in BLOCKED_CONV.tiles[target.registers]:
        if total % blocks:
            continue
        most = _BAND_BYTES // (4 * blocks * row * lanes)
        rows = min(outer.height, (most - 1 - reach) // stride + 1)
        if rows < 1:
            continue
        rows = -(-outer.height // -(-outer.height // rows))
        bands = -(-outer.height // rows)
        # Rows that two bands read are made twice.
        made = min(inner.height, (outer.height - 1) * stride + reach + 1) + (bands - 1) * max(
            0, reach + 1 - stride
        )
        groups = total // blocks
        offsets = int(by_block.reshape(groups, blocks, -1).any(axis=1).sum())
        strip = Picture(1, inner.width, 0)
        _, columns, spent = _cut(offsets, groups, blocks, pixels, strip)
        cycles = made * spent + spread
        if best is None or cycles < best.cycles:
            guard = left * lanes
            lines = -(-(guard + ((rows - 1) * stride + reach + 1) * row * lanes) // LINE_FLOATS)
            schedule = Schedule("blocked", blocks, pixels)
            plane = (lines | 1) * LINE_FLOATS
            best = Band(schedule, blocks, columns, rows, row * lanes, guard, plane, cycles)
    return best


def blocked_depthwise_cycles(channels: int, taps: int, picture: Picture, target: Target) -> float:
    """Cycles of a depthwise convolution: one load and one product a tap, both two a cycle."""
    blocks = -(-channels // target.vector_floats)
    wide = BLOCKED_DEPTHWISE.tiles[target.registers][0][1]
    tiles = picture.height * (picture.width / wide + 1)
    products = picture.height * picture.width * (taps / 2 * _SLOWNESS + 2 * _STORE_CYCLES)
    return blocks * (products + tiles * 12 + _TILE_CYCLES)


def pass_cycles(elements: int, lanes: int) -> float:
    """Cycles of one elementwise pass over an activation in the level-2 cache."""
    return elements / lanes * 4.0


def interleave_cycles(channels: int, height: int, width: int, lanes: int) -> float:
    """Cycles of a copy between planes and blocks: squares of `lanes`, whole ones or not."""
    squares = -(-channels // lanes) * height * -(-width // lanes)
    return squares * lanes * (math.log2(lanes) + 4.0)
