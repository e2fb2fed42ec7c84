"""Compiled files kept by the hash of everything that went into them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from codegen.errors import ToolchainError

# Raised when what an object depends on changes without showing in its inputs.
_FORMAT = "punchcard-object-2"


def cache_key(parts: Iterable[str | bytes]) -> str:
    """Return the SHA-256 of a sequence of texts; ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256(_FORMAT.encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


class ObjectCache:
    """A folder of files named by key, safe for several processes at once.

    Each entry carries the hash of its own bytes in front, so that a torn or altered file counts
    as absent and is built again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """Return the bytes stored under a key, or None."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        digest, content = data[:32], data[32:]
        return content if hashlib.sha256(content).digest() == digest else None

    def put(self, key: str, content: bytes) -> None:
        """Store bytes under a key; a reader sees all of them or nothing.

        Raises:
            ToolchainError: The folder cannot be written.
        """
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(content).digest() + content)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            msg = f"the toolchain cache {self._folder} cannot be written: {error.strerror}"
            raise ToolchainError(msg) from error

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]
