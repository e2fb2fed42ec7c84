"""Groups of filters that share positions: the format of dense, block and shared-pattern layers.

This is the blocked compressed storage (BCS) of NPAS (CVPR 2021): rows that share a set of columns
store it once. Its arrays are `values` (weights), `columns` (compact column index), `starts` (column
stride) and `filters` (reorder); since all groups have the same F rows, its occurrence and row
offsets follow from them and are not stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class GroupedWeights:
    """Weights of `groups` groups of F filters.

    Attributes:
        filters: (groups, F) which filter each lane is (filter kernel reorder, PatDNN section 4.2).
        starts: (groups + 1,) first column of each group.
        columns: (total,) column of the (filters, columns) weight matrix, ascending in each group.
        values: (total, F).
    """

    filters: IntArray
    starts: IntArray
    columns: IntArray
    values: FloatArray

    @property
    def size_bytes(self) -> int:
        """Bytes of the four arrays."""
        arrays = (self.filters, self.starts, self.columns, self.values)
        return sum(array.nbytes for array in arrays)


def pack_grouped(weight: FloatArray, order: IntArray, width: int) -> GroupedWeights:
    """Pack rows of a matrix in groups.

    Args:
        weight: (filters, columns).
        order: filters in the order of packing; its length is a multiple of `width`.
        width: F, filters in a group.
    """
    filters = order.reshape(-1, width).astype(np.int32)
    grouped = weight[filters]  # (groups, F, columns)
    used = (grouped != 0).any(axis=1)
    group, column = np.nonzero(used)
    starts = np.zeros(len(filters) + 1, dtype=np.int32)
    np.cumsum(used.sum(axis=1), out=starts[1:])
    values = np.ascontiguousarray(grouped[group, :, column], dtype=np.float32)
    return GroupedWeights(filters, starts, column.astype(np.int32), values)


def unpack_grouped(packed: GroupedWeights, shape: tuple[int, int]) -> FloatArray:
    """The matrix again; filters that were not packed are zero."""
    weight = np.zeros(shape, dtype=np.float32)
    for group, filters in enumerate(packed.filters):
        span = slice(packed.starts[group], packed.starts[group + 1])
        weight[np.ix_(filters, packed.columns[span])] = packed.values[span].T
    return weight
