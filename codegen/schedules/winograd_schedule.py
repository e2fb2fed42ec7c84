"""Cycles and scratch of a Winograd convolution, and the tile that takes the fewest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.formats.winograd import FILTER_TRANSFORMS
from codegen.kernels.winograd import WINOGRAD
from codegen.lowering.layout import round_up
from codegen.targets.target import Target

_SCRATCH_FLOATS = 1 << 20
"""Points of input and product that a thread holds at once: what two level-2 caches keep."""
_BYTES_A_CYCLE = 6.0
"""Weights come from memory: each is used for the tiles of one block alone."""
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
        patch, spread, product: floats of scratch.
        cycles: estimate for one thread.
    """

    edge: int
    tile_rows: int
    tile_columns: int
    patch_columns: int
    block_rows: int
    blocks: int
    patch: int
    spread: int
    product: int
    cycles: float


def plan_winograd(shape: WinogradShape, target: Target, edge: int | None = None) -> WinogradPlan:
    """The cheapest division, or the one with that edge."""
    edges = FILTER_TRANSFORMS if edge is None else (edge,)
    return min((_plan(shape, target, one) for one in edges), key=lambda plan: plan.cycles)


def _plan(shape: WinogradShape, target: Target, edge: int) -> WinogradPlan:
    lanes = target.vector_floats
    tiles_at_once, vectors = WINOGRAD.tiles[target.registers][0]
    rows, columns = math.ceil(shape.height / edge), math.ceil(shape.width / edge)
    points = (edge + 2) ** 2
    blocks = math.ceil(shape.filters / (vectors * lanes))
    filters = blocks * vectors * lanes
    of_row = points * columns * (shape.channels + filters)
    most = max(1, min(rows, _SCRATCH_FLOATS // of_row))
    block_rows = math.ceil(rows / math.ceil(rows / most))
    patch_columns = round_up(edge * columns + 2, lanes)
    tiles = block_rows * columns
    parts = math.ceil(tiles / tiles_at_once)
    passes = math.ceil(rows / block_rows)

    # Two multiply-adds a cycle, and four cycles until a sum can be added to again.
    per_channel = max(tiles * vectors / 2, parts * 4.0)
    products = passes * points * blocks * shape.channels * per_channel
    weights = passes * points * shape.channels * filters * 4 / _BYTES_A_CYCLE
    turned = (
        patch_columns
        / lanes
        * (edge + 2)
        * (_MOVED * lanes if shape.from_blocks else _SHUFFLED * lanes / 16)
    )
    spread = rows * (turned + patch_columns * (edge + 2) + columns * points * 1.5)
    turned = (
        math.ceil(shape.width / lanes)
        * edge
        * (_MOVED * lanes if shape.to_blocks else 1.5 * _SHUFFLED * lanes / 16)
    )
    collapsed = rows * (turned + columns * points * 2.0)
    cycles = max(products, weights) + 0.3 * min(products, weights)
    cycles += shape.channels / lanes * spread + filters / lanes * collapsed
    return WinogradPlan(
        edge=edge,
        tile_rows=rows,
        tile_columns=columns,
        patch_columns=patch_columns,
        block_rows=block_rows,
        blocks=blocks,
        patch=(edge + 2) * patch_columns * lanes,
        spread=points * (tiles * shape.channels + lanes),
        product=points * (tiles * filters + lanes),
        cycles=cycles,
    )
