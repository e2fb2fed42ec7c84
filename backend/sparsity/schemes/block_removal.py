"""The order in which a matrix's blocks lose rows and columns, and where to stop."""

from __future__ import annotations

import numpy as np

from backend.sparsity.schemes.structure import BoolArray, FloatArray, IntArray


class BlockRemoval:
    """Each block loses the row or column of the least mean score, again and again, until empty.

    Args:
        scores: of single weights, (rows, columns).
        block: rows and columns of a block; blocks at the ends are smaller.
        with_columns: whether columns go as well as rows.
    """

    def __init__(self, scores: FloatArray, block: tuple[int, int], *, with_columns: bool) -> None:
        self._shape = scores.shape
        high, wide = (min(pair) for pair in zip(block, scores.shape, strict=True))
        self._down, self._across = -(-scores.shape[0] // high), -(-scores.shape[1] // wide)
        self._block = (high, wide)
        self._values = self._blocks(scores.astype(np.float64))  # (blocks, high, wide)
        exists = self._blocks(np.ones(scores.shape, bool))
        self._rows, self._columns = exists.any(axis=2), exists.any(axis=1)
        self._sizes: IntArray = exists.sum(axis=(1, 2))
        self._steps = high + (wide if with_columns else 0)
        # step that removes each row and column; what is never removed carries the last number
        self._row_step = np.full(self._rows.shape, self._steps)
        self._column_step = np.full(self._columns.shape, self._steps)
        self._scores = np.full((self._steps, len(self._values)), np.inf)
        self._weights = np.zeros((self._steps, len(self._values)), np.int64)
        for step in range(self._steps):
            self._remove(step, with_columns=with_columns)

    def mask(self, budget: float, *, is_balanced: bool) -> BoolArray:
        """What stays, (rows, columns): `budget` weights within half a row or column.

        Balanced, every block keeps its share, and what rounding leaves over is carried on to the
        next. Unbalanced, the blocks compete: whatever scores least goes first.
        """
        steps = self._even_steps(budget) if is_balanced else self._ranked_steps(budget)
        if (self._staying()[steps, np.arange(len(steps))] == 0).all():
            steps[int(self._sizes.argmax())] -= 1
        rows = self._rows & (self._row_step >= steps[:, None])
        columns = self._columns & (self._column_step >= steps[:, None])
        kept = (rows[:, :, None] & columns[:, None, :]).reshape(
            self._down, self._across, *self._block
        )
        padded = kept.swapaxes(1, 2).reshape(self._down * self._block[0], -1)
        return np.ascontiguousarray(padded[: self._shape[0], : self._shape[1]])

    def _blocks(self, matrix: np.ndarray) -> np.ndarray:
        high, wide = self._block
        padding = [
            (0, count * side - size)
            for count, side, size in zip(
                (self._down, self._across), self._block, self._shape, strict=True
            )
        ]
        cut = np.pad(matrix, padding).reshape(self._down, high, self._across, wide)
        return cut.swapaxes(1, 2).reshape(-1, high, wide)

    def _remove(self, step: int, *, with_columns: bool) -> None:
        rows = self._rows & (self._row_step == self._steps)
        columns = self._columns & (self._column_step == self._steps)
        left = self._values * rows[:, :, None] * columns[:, None, :]
        high, wide = columns.sum(axis=1), rows.sum(axis=1)  # weights of a row, of a column
        least = np.where(rows, left.sum(axis=2) / np.maximum(high, 1)[:, None], np.inf)
        sizes = np.where(rows, high[:, None], 0)
        if with_columns:
            means = np.where(columns, left.sum(axis=1) / np.maximum(wide, 1)[:, None], np.inf)
            least = np.concatenate([least, means], axis=1)
            sizes = np.concatenate([sizes, np.where(columns, wide[:, None], 0)], axis=1)
        least = np.where(sizes > 0, least, np.inf)
        chosen = least.argmin(axis=1)
        index = np.arange(len(chosen))
        self._scores[step] = least[index, chosen]
        self._weights[step] = sizes[index, chosen]
        is_left = self._weights[step] > 0
        is_row = chosen < self._block[0]
        at = index[is_left & is_row]
        self._row_step[at, chosen[at]] = step
        at = index[is_left & ~is_row]
        self._column_step[at, chosen[at] - self._block[0]] = step

    def _staying(self) -> IntArray:
        """Weights of each block after 0, 1, ... removals, (steps + 1, blocks)."""
        first = np.zeros((1, len(self._sizes)), np.int64)
        gone: IntArray = np.concatenate([first, self._weights.cumsum(axis=0)])
        return self._sizes - gone

    def _even_steps(self, budget: float) -> IntArray:
        """Removals of each block.

        A block that is pruned already, as far as half a side allows, stays as it is: what lies on
        the way there would be nearer to the budget at times, and change the blocks behind it.
        """
        total, side = int(self._sizes.sum()), max(self._block)
        pruned = (self._scores == 0).cumprod(axis=0).sum(axis=0).tolist()
        steps, owed = np.zeros(len(self._sizes), np.int64), 0.0
        for block, staying in enumerate(self._staying().T.tolist()):
            owed += budget * staying[0] / total
            left = [abs(weights - owed) for weights in staying]
            done = pruned[block]
            chosen = done if done and left[done] <= side / 2 else left.index(min(left))
            steps[block] = chosen
            owed -= staying[chosen]
        return steps

    def _ranked_steps(self, budget: float) -> IntArray:
        # a block's later removals never come before its earlier ones
        order = np.maximum.accumulate(self._scores, axis=0).ravel().argsort(kind="stable")
        staying = self._sizes.sum() - np.concatenate([[0], self._weights.ravel()[order].cumsum()])
        gone = order[: int(np.abs(staying - budget).argmin())]
        return np.bincount(gone % len(self._sizes), minlength=len(self._sizes)).astype(np.int64)
