"""The type of a value that flows between nodes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class TensorType:
    """Shape and element type of a value.

    The leading axis of a picture is the batch and is 1; the torch executor runs the same graph at
    any batch size, the compiler at batch 1. A leading axis of another size is fixed.
    """

    shape: tuple[int, ...]
    dtype: str = "f32"

    @property
    def elements(self) -> int:
        """Number of elements at batch 1."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{'x'.join(map(str, self.shape))}]"

    @classmethod
    def parse(cls, text: str) -> TensorType:
        """Read what `str` wrote, e.g. `f32[1x16x28x28]`."""
        dtype, _, rest = text.partition("[")
        body = rest.removesuffix("]")
        return cls(tuple(int(part) for part in body.split("x") if part), dtype)
