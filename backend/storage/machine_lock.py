"""A file's lock by name: processes of this machine take turns, and one that dies holds nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from filelock import FileLock


def machine_lock(folder: Path, name: str) -> FileLock:
    """A lock that is not taken yet.

    Args:
        folder: for such files; it is created.
        name: of what is held.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileLock(folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock")
