"""Files by the hash of their content: written aside, synced, renamed, never changed."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.storage.errors import DiskFullError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ArtifactStore:
    """Content-addressed files beneath one folder; write the artefact first, its row second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Store bytes and return their SHA-256; storing them again changes nothing.

        Raises:
            DiskFullError: no space; nothing half-written is left.
            StorageError: the folder cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        target = self.path(digest)
        if not target.exists():
            write_whole(target, data)
        return digest

    def path(self, digest: str) -> Path:
        """Where the artefact of a digest lies, whether it exists or not."""
        return self._folder / digest[:2] / digest

    def get(self, digest: str) -> bytes:
        """Read an artefact and check it.

        Raises:
            StorageError: it is missing or was damaged.
        """
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            msg = f"The stored file {digest[:12]} cannot be read ({error.strerror}): make it again."
            raise StorageError(msg) from None
        if hashlib.sha256(data).hexdigest() != digest:
            msg = f"The stored file {digest[:12]} is damaged: delete {path} and make it again."
            raise StorageError(msg)
        return data


def write_whole(target: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file so that a reader sees nothing, the old one, or the whole new one.

    Raises:
        DiskFullError: no space; nothing half-written is left.
        StorageError: the folder cannot be written.
    """
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with telling_disk_errors(target.parent):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(target.parent)


@contextmanager
def telling_disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the file system into one sentence each."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = f"The disk that holds {folder} is full: free some space and try again."
            raise DiskFullError(msg) from None
        msg = f"The folder {folder} cannot be written ({error.strerror}): check who owns it."
        raise StorageError(msg) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
