"""Cycles and scratch of a Winograd convolution, and the tile that takes the fewest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from codegen.formats.winograd import FILTER_TRANSFORMS
from codegen.kernels.winograd import WINOGRAD
from codegen.lowering.layout import round_up
from codegen.targets.target import Target

_SCRATCH_FLOATS = 1 << 20
"""Points of input and product that a thread holds at once."""
_CACHED_FLOATS = 400_000
"""What stays in a level-2 cache."""
_BYTES_A_CYCLE = 4.0
"""Weights come from memory: each is used for the tiles of one block alone."""
_SCRATCH_BYTES_A_CYCLE = 8.0
_SLOWNESS = 1.3
"""Measured in ResNet-50 and VGG-16, stalls on the second-level cache included."""
_MOVED = 2.5
"""Cycles to move a vector of channels."""
_SHUFFLED = 80.0
"""Cycles to load, transpose and store as many vectors as have lanes, of 16 lanes."""


@dataclass(frozen=True)
class WinogradShape:
    """A layer's sizes, channels and filters in whole vectors, and which sides lie in blocks."""

    channels: int
    filters: int
    height: int
    width: int
    from_blocks: bool = False
    to_blocks: bool = False


@dataclass(frozen=True)
class WinogradPlan:
    """How a layer is divided.

    Attributes:
        edge: rows and columns of a tile of outputs.
        tile_rows: rows of tiles.
        tile_columns: tiles in a row.
        patch_columns: columns of a patch, whole vectors.
        block_rows: rows of tiles that the scratch holds.
        blocks: blocks of filters.
        chunk: blocks of filters that the scratch holds.
        patch, spread, product: floats of scratch.
        cycles: estimate for one thread.
    """

    edge: int
    tile_rows: int
    tile_columns: int
    patch_columns: int
    block_rows: int
    blocks: int
    chunk: int
    patch: int
    spread: int
    product: int
    cycles: float


def plan_winograd(shape: WinogradShape, target: Target, edge: int | None = None) -> WinogradPlan:
    """The cheapest division, or the cheapest one with that edge."""
    edges = FILTER_TRANSFORMS if edge is None else (edge,)
    plans = [
        _plan(shape, target, one, chunks, room)
        for one in edges
        for chunks in (1, 2, 4, 8)
        for room in (_CACHED_FLOATS, _SCRATCH_FLOATS)
    ]
    return min(plans, key=lambda plan: plan.cycles)


def _plan(shape: WinogradShape, target: Target, edge: int, chunks: int, room: int) -> WinogradPlan:
    lanes = target.vector_floats
    vectors = WINOGRAD.tiles[target.registers][0][1]
    rows, columns = math.ceil(shape.height / edge), math.ceil(shape.width / edge)
    points = (edge + 2) ** 2
    blocks = math.ceil(shape.filters / (vectors * lanes))
    chunk = math.ceil(blocks / chunks)
    width = vectors * lanes
    of_row = points * columns * (shape.channels + chunk * width)
    most = max(1, min(rows, room // of_row))
    block_rows = math.ceil(rows / math.ceil(rows / most))
    patch_columns = round_up(edge * columns + 2, lanes)
    plan = WinogradPlan(
        edge=edge,
        tile_rows=rows,
        tile_columns=columns,
        patch_columns=patch_columns,
        block_rows=block_rows,
        blocks=blocks,
        chunk=chunk,
        patch=(edge + 2) * patch_columns * lanes,
        spread=points * (block_rows * columns * shape.channels + lanes),
        product=points * (block_rows * columns * chunk * width + lanes),
        cycles=0.0,
    )
    return replace(plan, cycles=_cycles(shape, target, plan))


def _cycles(shape: WinogradShape, target: Target, plan: WinogradPlan) -> float:
    """Products or the memory's traffic, whichever takes longer, and the transforms."""
    lanes = target.vector_floats
    tiles_at_once, vectors = WINOGRAD.tiles[target.registers][0]
    points = (plan.edge + 2) ** 2
    filters = plan.blocks * vectors * lanes
    tiles = plan.block_rows * plan.tile_columns
    passes = math.ceil(plan.tile_rows / plan.block_rows)
    chunks = math.ceil(plan.blocks / plan.chunk)

    # Two multiply-adds a cycle, and four cycles until a sum can be added to again.
    per_channel = max(tiles * vectors / 2, math.ceil(tiles / tiles_at_once) * 4.0)
    products = passes * points * plan.blocks * shape.channels * per_channel * _SLOWNESS
    moved = 4.0 * passes * points * shape.channels * filters / _BYTES_A_CYCLE
    spilled = 0.0
    if plan.spread + plan.product > _CACHED_FLOATS:
        scratch = plan.spread * (1 + chunks) + 2 * chunks * plan.product
        spilled = 4.0 * passes * scratch / _SCRATCH_BYTES_A_CYCLE
    fetched = _MOVED * lanes if shape.from_blocks else _SHUFFLED * lanes / 16
    fetched *= (plan.edge + 2) * plan.patch_columns / lanes
    spread = fetched + plan.patch_columns * (plan.edge + 2) + plan.tile_columns * points * 1.5
    put = _MOVED * lanes if shape.to_blocks else 1.5 * _SHUFFLED * lanes / 16
    put *= plan.edge * math.ceil(shape.width / lanes)
    collapsed = put + plan.tile_columns * points * 2.0
    transforms = plan.tile_rows * (shape.channels * spread + filters * collapsed) / lanes
    return max(products, moved) + 0.3 * min(products, moved) + spilled + transforms
