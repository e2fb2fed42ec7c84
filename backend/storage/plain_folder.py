"""A folder that all machines of a team have mounted, asked as a remote one is."""

from __future__ import annotations

from pathlib import Path

from backend.storage.artifacts import write_whole
from backend.storage.errors import StorageError


class PlainFolder:
    """Whole files by name below a path; see `RemoteFolder`."""

    def __init__(self, root: Path) -> None:
        self.label = str(root)
        self._root = root

    def put(self, name: str, data: bytes) -> None:
        """Write a file.

        Raises:
            DiskFullError: no space.
            StorageError: the folder cannot be written.
        """
        write_whole(self._root / name, data)

    def get(self, name: str) -> bytes:
        """Read a file.

        Raises:
            StorageError: there is none, or it cannot be read.
        """
        try:
            return (self._root / name).read_bytes()
        except OSError as error:
            msg = f"The stored file {name} cannot be read from {self.label} ({error.strerror})."
            raise StorageError(msg) from None

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self._root / name).is_file()
