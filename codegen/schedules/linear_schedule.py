"""Chooses the block of a fully connected layer from the zeros found in its weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.kernels.linear import LEAST_LANES, LINEAR
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

BoolArray = npt.NDArray[np.bool_]

_ROW_CYCLES = 0.5
_BLOCK_CYCLES = 20.0


def linear_schedules(target: Target) -> tuple[Schedule, ...]:
    """Every block that the target has a microkernel for."""
    return tuple(
        Schedule("linear", parts, vectors)
        for parts, vectors in LINEAR.tiles[target.registers]
        if target.vector_floats // parts >= LEAST_LANES
    )


def plan_linear(used: BoolArray, target: Target) -> Schedule:
    """The block width with the least work.

    Args:
        used: (outputs, inputs) where weights are not zero.
        target: gives tiles and lanes.
    """
    costs: list[tuple[float, int]] = []
    schedules = linear_schedules(target)
    for index, schedule in enumerate(schedules):
        parts, vectors = schedule.rows, schedule.vectors
        width = vectors * target.vector_floats // parts
        blocks = -(-len(used) // width)
        padded = np.zeros((blocks * width, used.shape[1]), dtype=np.bool_)
        padded[: len(used)] = used
        rows = int(padded.reshape(blocks, width, -1).any(axis=1).sum())
        cycles = rows * (vectors / parts + _ROW_CYCLES) + blocks * _BLOCK_CYCLES
        costs.append((cycles, index))
    return schedules[min(costs)[1]]
