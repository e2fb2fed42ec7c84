"""Blocks of outputs that share the inputs they read: the format of fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ColumnBlocks:
    """A (outputs, inputs) matrix in blocks of B outputs; the last block is filled up with zeros.

    Attributes:
        starts: (blocks + 1,) first row of each block.
        indices: (rows,) the input each row multiplies, ascending in each block.
        values: (rows, B).
    """

    starts: IntArray
    indices: IntArray
    values: FloatArray

    @property
    def size_bytes(self) -> int:
        """Bytes of the three arrays, an index taking two or four."""
        width = 2 if self.is_short else 4
        return self.starts.nbytes + self.indices.size * width + self.values.nbytes

    @property
    def is_short(self) -> bool:
        """Whether every index fits into 16 bits."""
        return not self.indices.size or int(self.indices.max()) < 1 << 16


def pack_column_blocks(weight: FloatArray, width: int) -> ColumnBlocks:
    """Pack a matrix; a column of a block is kept where any of its values is not zero."""
    outputs, inputs = weight.shape
    blocks = -(-outputs // width)
    padded = np.zeros((blocks * width, inputs), dtype=np.float32)
    padded[:outputs] = weight
    grouped = padded.reshape(blocks, width, inputs)
    used = (grouped != 0).any(axis=1)
    block, column = np.nonzero(used)
    starts = np.zeros(blocks + 1, dtype=np.int32)
    np.cumsum(used.sum(axis=1), out=starts[1:])
    values = np.ascontiguousarray(grouped[block, :, column], dtype=np.float32)
    return ColumnBlocks(starts, column.astype(np.int32), values)


def unpack_column_blocks(packed: ColumnBlocks, shape: tuple[int, int]) -> FloatArray:
    """The matrix again."""
    width = packed.values.shape[1]
    weight = np.zeros(((len(packed.starts) - 1) * width, shape[1]), dtype=np.float32)
    for block in range(len(packed.starts) - 1):
        span = slice(packed.starts[block], packed.starts[block + 1])
        rows = slice(block * width, (block + 1) * width)
        weight[rows, packed.indices[span]] = packed.values[span].T
    return weight[: shape[0]]
