"""Chooses the block of a fully connected layer from the zeros found in its weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.kernels.linear import LINEAR
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

BoolArray = npt.NDArray[np.bool_]

_ROW_CYCLES = 0.5
_BLOCK_CYCLES = 20.0


def plan_linear(used: BoolArray, target: Target) -> Schedule:
    """The block width with the least work.

    Args:
        used: (outputs, inputs) where weights are not zero.
        target: gives tiles and lanes.
    """
    costs: list[tuple[float, int]] = []
    for _, vectors in LINEAR.tiles[target.registers]:
        width = vectors * target.vector_floats
        blocks = -(-len(used) // width)
        padded = np.zeros((blocks * width, used.shape[1]), dtype=np.bool_)
        padded[: len(used)] = used
        rows = int(padded.reshape(blocks, width, -1).any(axis=1).sum())
        costs.append((rows * (vectors + _ROW_CYCLES) + blocks * _BLOCK_CYCLES, vectors))
    return Schedule("linear", 1, min(costs)[1])
