"""An evaluator's setup for other machines: files by digest, folders below each machine's home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.storage.artifacts import ArtifactStore
from backend.storage.settings import Settings

_FILE = "artifact:"
_HOME = "home:"


def pack_setup(
    setup: Mapping[str, Any], settings: Settings, store: ArtifactStore
) -> dict[str, Any]:
    """Replace what only this machine can read.

    A path of a file becomes its digest in the artefact store, the path of a folder below this
    machine's data folder the same place below the reader's.

    Raises:
        StorageError: a file cannot be stored.
    """
    return {key: _packed(value, settings, store) for key, value in setup.items()}


def unpack_setup(
    setup: Mapping[str, Any], settings: Settings, store: ArtifactStore
) -> dict[str, Any]:
    """The setup for the machine that calls this.

    Raises:
        StorageError: the artefact store is out of reach, or does not have a file.
    """
    return {key: _unpacked(value, settings, store) for key, value in setup.items()}


def _packed(value: Any, settings: Settings, store: ArtifactStore) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, str) or not value.startswith("/"):
        return value
    path = Path(value)
    if path.is_file():
        return _FILE + store.put(path.read_bytes())
    if path.is_relative_to(settings.home):
        return _HOME + path.relative_to(settings.home).as_posix()
    return value


def _unpacked(value: Any, settings: Settings, store: ArtifactStore) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        return value
    if value.startswith(_FILE):
        return str(store.file(value.removeprefix(_FILE)))
    if value.startswith(_HOME):
        return str(settings.home / value.removeprefix(_HOME))
    return value
