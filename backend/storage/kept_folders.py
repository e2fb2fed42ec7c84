"""Folders below the data folder; the machines of a team bring over what they need of each other's.

What a search or a finalisation has made lies in folders. With `PUNCHCARD_ARTIFACTS` each is copied
to the shared place, under the name it has below the data folder, before a row tells of it. So a
lost machine takes no finished trial's files along, and a page on another one can open and deploy
every candidate.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Protocol

from backend.storage.archives import pack_folder, unpack_folder
from backend.storage.errors import StorageError
from backend.storage.machine_lock import machine_lock
from backend.storage.plain_folder import PlainFolder
from backend.storage.remote_folder import RemoteFolder, mounted_path
from backend.storage.settings import Settings

_DIGEST_BYTES = 32


class _Place(Protocol):
    label: str

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def exists(self, name: str) -> bool: ...


class KeptFolders:
    """The folders of one installation, each told by its path below the data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def name(self, folder: Path) -> str:
        """The folder as it is stored: relative, so that the data folder can be moved."""
        return os.fspath(folder.relative_to(self._settings.home))

    def keep(self, folder: Path) -> str:
        """Copy a finished folder to where the team can reach it, and return its name.

        Raises:
            StorageError: the shared place cannot be reached or written.
        """
        name = self.name(folder)
        if self._place is not None:
            data = pack_folder(folder)
            self._place.put(_archive(name), hashlib.sha256(data).digest() + data)
        return name

    def path(self, name: str) -> Path:
        """The folder on this machine, brought over first where only the shared place has it.

        It may not exist: neither here nor there.

        Raises:
            StorageError: the shared place cannot be reached, or its copy is damaged.
        """
        folder = self._settings.home / name
        if self._place is None or folder.exists():
            return folder
        with machine_lock(self._settings.home / "locks", name):
            if not folder.exists() and self._place.exists(_archive(name)):
                stored = self._place.get(_archive(name))
                digest, data = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
                if hashlib.sha256(data).digest() != digest:
                    msg = f"The copy of {name} in {self._place.label} is damaged: remove it there."
                    raise StorageError(msg)
                unpack_folder(data, folder)
        return folder

    @cached_property
    def _place(self) -> _Place | None:
        url = self._settings.artifacts_url
        if not url:
            return None
        mounted = mounted_path(url)
        return RemoteFolder(url) if mounted is None else PlainFolder(mounted)


def _archive(name: str) -> str:
    return f"folders/{name}.tar"
