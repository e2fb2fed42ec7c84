"""A constant array of the graph, with the mask that pruning put on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Weight:
    """Values and an optional mask of the same shape (True = kept).

    Invariant: a masked weight is zero wherever its mask is False, so the mask can be dropped
    without changing what the graph computes. Arrays are read-only.
    """

    values: FloatArray
    mask: BoolArray | None = None

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=np.float32)
        mask = self.mask
        if mask is not None:
            mask = np.ascontiguousarray(mask, dtype=np.bool_)
            if mask.shape != values.shape:
                msg = f"a mask has shape {mask.shape}, its weight {values.shape}"
                raise GraphError(msg)
            values = np.where(mask, values, np.float32(0))
            mask.flags.writeable = False
        elif values is self.values:
            values = values.copy()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "mask", mask)

    @property
    def nonzeros(self) -> int:
        """Number of values that are not zero."""
        return int(np.count_nonzero(self.values))

    @property
    def rate(self) -> float:
        """Dense weights divided by kept ones (the mask where there is one, else non-zeros)."""
        kept = int(self.mask.sum()) if self.mask is not None else self.nonzeros
        return self.values.size / kept if kept else float("inf")
