"""The check of the weights blob that generated models make before they take it."""

from __future__ import annotations

import numpy as np

_LANES = 1024
_PRIME = np.uint64(1099511628211)
_START = 14695981039346656037


def weights_check(blob: bytes) -> int:
    """FNV-1a over 64-bit words, in 1024 interleaved lanes that are hashed together at the end.

    Lanes make it quick on both sides; the function is the one of FNV-1a with words for bytes.
    """
    words = np.frombuffer(blob, dtype="<u8")
    lanes = np.full(_LANES, _START, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for start in range(0, len(words), _LANES):
            part = words[start : start + _LANES]
            lanes[: len(part)] = (lanes[: len(part)] ^ part) * _PRIME
        check = np.uint64(_START)
        for lane in lanes:
            check = (check ^ lane) * _PRIME
    return int(check)
