"""The weights blob: arrays one behind the other, each on a 64-byte boundary."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

ALIGNMENT = 64


class Blob:
    """Collects arrays; the same bytes are stored once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._known: dict[bytes, int] = {}

    def add(self, array: npt.NDArray[np.generic]) -> int:
        """Store an array and return the byte where it starts.

        Reading up to the next boundary behind it is safe; zeros stand there.
        """
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        content = data.tobytes()
        key = hashlib.sha256(content).digest()
        if key not in self._known:
            self._known[key] = self._size
            padded = content + bytes(-len(content) % ALIGNMENT or (ALIGNMENT if not content else 0))
            self._parts.append(padded)
            self._size += len(padded)
        return self._known[key]

    def to_bytes(self) -> bytes:
        """All arrays; at least one boundary's worth, so that no pointer into it is void."""
        return b"".join(self._parts) or bytes(ALIGNMENT)
