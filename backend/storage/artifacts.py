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
from backend.storage.remote_folder import RemoteFolder, mounted_path
from backend.storage.settings import Settings

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ArtifactStore:
    """Content-addressed files; write the artefact first, its row second.

    Args:
        folder: where they lie, or, with a remote place, where copies of them are kept.
        remote: the place that all machines of a team share.
    """

    def __init__(self, folder: Path, remote: RemoteFolder | None = None) -> None:
        self._folder = folder
        self._remote = remote

    @property
    def label(self) -> str:
        """The place for messages, without a password."""
        return str(self._folder) if self._remote is None else self._remote.label

    @property
    def url(self) -> str:
        """What another machine has to be told to open the same store."""
        return str(self._folder) if self._remote is None else self._remote.url

    def put(self, data: bytes) -> str:
        """Store bytes and return their SHA-256; storing them again changes nothing.

        Raises:
            DiskFullError: no space; nothing half-written is left.
            StorageError: the place cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self._remote is not None and not self._remote.exists(_name(digest)):
            self._remote.put(_name(digest), data)
        target = self.path(digest)
        if not target.exists():
            write_whole(target, data)
        return digest

    def path(self, digest: str) -> Path:
        """Where the artefact of a digest lies on this machine, whether it exists or not."""
        return self._folder / _name(digest)

    def get(self, digest: str) -> bytes:
        """Read an artefact and check it.

        Raises:
            StorageError: it is missing or was damaged.
        """
        path = self.path(digest)
        if self._remote is not None and not path.exists():
            data = self._remote.get(_name(digest))
            if hashlib.sha256(data).hexdigest() == digest:
                write_whole(path, data)
        else:
            data = self._read(path, digest)
        if hashlib.sha256(data).hexdigest() != digest:
            place = path if path.exists() else f"{self.label}/{_name(digest)}"
            msg = f"The stored file {digest[:12]} is damaged: delete {place} and make it again."
            raise StorageError(msg)
        return data

    def file(self, digest: str) -> Path:
        """Path of an artefact, brought here first where only the shared place has it.

        Raises:
            StorageError: it is missing or was damaged.
        """
        path = self.path(digest)
        if not path.exists():
            self.get(digest)
        return path

    def remove(self, digest: str) -> None:
        """Forget an artefact that nobody else refers to.

        Raises:
            StorageError: the place cannot be reached.
        """
        if self._remote is not None:
            self._remote.remove(_name(digest))
        self.drop(digest)

    @property
    def is_remote(self) -> bool:
        """Whether what lies on this machine are copies alone."""
        return self._remote is not None

    def drop(self, digest: str) -> None:
        """Remove what lies on this machine: a copy, or, with no remote place, the artefact."""
        self.path(digest).unlink(missing_ok=True)

    def _read(self, path: Path, digest: str) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            msg = (
                f"The stored file {digest[:12]} cannot be read from {self.label} "
                f"({error.strerror}): make it again."
            )
            raise StorageError(msg) from None


def open_artifacts(settings: Settings) -> ArtifactStore:
    """The store of an installation: $PUNCHCARD_ARTIFACTS, or a folder of its own.

    Raises:
        StorageError: the URL cannot be opened.
    """
    url = settings.artifacts_url
    if not url:
        return ArtifactStore(settings.artifacts)
    mounted = mounted_path(url)
    if mounted is not None:
        return ArtifactStore(mounted)
    return ArtifactStore(settings.cache / "artifacts", RemoteFolder(url))


def _name(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


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
