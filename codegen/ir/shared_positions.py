"""How many neighbouring filters use the same positions: what compiled code reads once for all."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BoolArray: TypeAlias = npt.NDArray[np.bool_]

_WIDTHS = (16, 8, 4, 2)


def shared_positions(used: BoolArray) -> int:
    """The widest bands of rows of (filters, positions) that are equal: 16, 8, 4, 2, or 1."""
    for width in _WIDTHS:
        if len(used) % width == 0:
            bands = used.reshape(len(used) // width, width, -1)
            if (bands == bands[:, :1]).all():
                return width
    return 1
