"""A folder by URL, such as S3, through fsspec; nothing of it is imported before a URL is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from backend.storage.errors import StorageError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)([^/@]*)@")


def mounted_path(url: str) -> Path | None:
    """Where a place lies on this machine; None where its scheme needs fsspec."""
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1].lower() != "file":
        return None
    return Path(url.removeprefix("file://"))


class RemoteFolder:
    """Whole files by name below a URL; a write shows the whole file or nothing on object stores.

    Args:
        url: such as `s3://bucket/place`; options and credentials come from the environment, as
            fsspec and the store's own client read them (FSSPEC_S3_ENDPOINT_URL, AWS_PROFILE).

    Raises:
        StorageError: there is no such kind of place, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.label = _CREDENTIALS.sub("", url)
        found = _CREDENTIALS.search(url)
        self._secret = found[1] if found else ""
        try:
            import fsspec
        except ImportError:
            msg = (
                f"PUNCHCARD_ARTIFACTS is {self.label}, which needs fsspec: "
                "run make install-cluster."
            )
            raise StorageError(msg) from None
        try:
            self._files, root = fsspec.core.url_to_fs(url)  # type: ignore[no-untyped-call]
        except (ImportError, ValueError) as error:
            reason = str(error).rstrip(".")
            msg = f"PUNCHCARD_ARTIFACTS is {self.label}, which cannot be opened: {reason}."
            raise StorageError(msg) from None
        self._root = str(root).rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        """Write a file.

        Raises:
            StorageError: the place cannot be reached or written.
        """
        self._ask("written", name, lambda path: self._write(path, data))

    def get(self, name: str) -> bytes:
        """Read a file.

        Raises:
            StorageError: the place cannot be reached, or has no such file.
        """
        return bytes(self._ask("read", name, self._files.cat_file))

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name.

        Raises:
            StorageError: the place cannot be reached.
        """
        return bool(self._ask("read", name, self._files.exists))

    def remove(self, name: str) -> None:
        """Remove a file where there is one.

        Raises:
            StorageError: the place cannot be reached.
        """
        if self.exists(name):
            self._ask("changed", name, self._files.rm_file)

    def _write(self, path: str, data: bytes) -> None:
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, data)

    def _ask(self, verb: str, name: str, action: Any) -> Any:  # noqa: ANN401 - fsspec has no types
        try:
            return action(f"{self._root}/{name}")
        except FileNotFoundError:
            msg = f"The stored file {name} is not in {self.label}: make it again."
            raise StorageError(msg) from None
        except Exception as error:  # each kind of place has errors of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            if self._secret:
                reason = reason.replace(self._secret, "***")
            msg = f"The artefact store {self.label} cannot be {verb} ({reason[:200]})."
            raise StorageError(msg) from error
