"""Chooses order, group size and tile of a convolution from the zeros found in its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.errors import ScheduleError
from codegen.kernels.group_conv import GROUP_CONV
from codegen.schedules.cost import best_tiling
from codegen.schedules.schedule import Order, Schedule
from codegen.targets.target import Target

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Segment:
    """Filters that one microkernel takes: whole groups of `rows`, tiles of `vectors`."""

    rows: int
    vectors: int
    filters: IntArray


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """A schedule, the segments it means for these weights, and what they should cost."""

    schedule: Schedule
    segments: tuple[Segment, ...]
    cycles: float


def plan_groups(
    used: BoolArray,
    conv_groups: int,
    vectors: int,
    target: Target,
    wanted: Schedule | None = None,
) -> GroupPlan:
    """The cheapest plan by the cost model, or the wanted one.

    Args:
        used: (filters, columns) where weights are not zero.
        conv_groups: groups of the convolution; filters of different ones share no column.
        vectors: vectors of one output plane.
        target: gives tiles and lanes.
        wanted: a schedule to follow instead of choosing.
    """
    best: GroupPlan | None = None
    orders: list[tuple[Order, list[IntArray]]] = [("natural", _natural(len(used), conv_groups))]
    if not used.all() or (wanted is not None and wanted.order == "sorted"):
        orders.append(("sorted", [_sorted(used, part) for part in orders[0][1]]))
    for order, parts in orders:
        if wanted is not None and wanted.order != order:
            continue
        for rows, _ in GROUP_CONV.tiles[target.registers]:
            if wanted is not None and wanted.rows != rows:
                continue
            plan = _plan(used, order, parts, rows, vectors, target, wanted)
            if best is None or plan.cycles < best.cycles:
                best = plan
    if best is None:
        msg = f"schedule {wanted} fits no tile of target {target.full_name}"
        raise ScheduleError(msg)
    return best


def _plan(
    used: BoolArray,
    order: Order,
    parts: list[IntArray],
    rows: int,
    vectors: int,
    target: Target,
    wanted: Schedule | None,
) -> GroupPlan:
    segments = []
    cycles = 0.0
    width = 1
    for count, filters in _split(parts, rows, target):
        most = dict(GROUP_CONV.tiles[target.registers])[count]
        groups = len(filters) // count
        offsets = int(used[filters].reshape(groups, count, -1).any(axis=1).sum())
        tiling = best_tiling(
            rows=count,
            most_vectors=most,
            lanes=target.vector_floats,
            offsets=offsets,
            groups=groups,
            vectors=vectors,
            wanted=None if wanted is None else min(wanted.vectors, most),
        )
        segments.append(Segment(count, tiling.vectors, filters))
        cycles += tiling.cycles
        width = tiling.vectors if len(segments) == 1 else width
    schedule = Schedule("grouped", segments[0].rows, width, order)
    return GroupPlan(schedule, tuple(segments), cycles if segments else math.inf)


def _split(parts: list[IntArray], rows: int, target: Target) -> list[tuple[int, IntArray]]:
    """Filters by group size: as many whole groups of `rows` as fit, the rest in smaller ones."""
    found = []
    left = parts
    counts = [count for count, _ in GROUP_CONV.tiles[target.registers] if count <= rows]
    for count in sorted(counts, reverse=True):
        taken = [part[: len(part) // count * count] for part in left]
        left = [part[len(part) // count * count :] for part in left]
        filters = np.concatenate(taken)
        if filters.size:
            found.append((count, filters))
    return found


def _natural(filters: int, conv_groups: int) -> list[IntArray]:
    return list(np.arange(filters, dtype=np.int32).reshape(conv_groups, -1))


def _sorted(used: BoolArray, part: IntArray) -> IntArray:
    """Filters with equal support become neighbours; ties keep their order."""
    keys = np.packbits(used[part], axis=1)
    order = sorted(range(len(part)), key=lambda index: keys[index].tobytes())
    return part[order]
