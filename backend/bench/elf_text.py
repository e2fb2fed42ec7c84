"""Bytes of machine code in a program or shared library."""

from __future__ import annotations

import struct
from pathlib import Path

_EXECUTABLE = 1
_LOAD = 1


def text_bytes(path: Path) -> int:
    """Bytes of all executable segments of a little-endian ELF file; 0 for anything else."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF" or data[5] != 1:
        return 0
    is_64 = data[4] == 2
    start = struct.unpack_from("<Q" if is_64 else "<I", data, 32 if is_64 else 28)[0]
    size, count = struct.unpack_from("<HH", data, 54 if is_64 else 42)
    total = 0
    for index in range(count):
        at = start + index * size
        kind = struct.unpack_from("<I", data, at)[0]
        flags = struct.unpack_from("<I", data, at + (4 if is_64 else 24))[0]
        length = struct.unpack_from("<Q" if is_64 else "<I", data, at + (32 if is_64 else 16))[0]
        if kind == _LOAD and flags & _EXECUTABLE:
            total += length
    return int(total)
