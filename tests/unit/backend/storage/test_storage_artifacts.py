"""Artefacts are whole or absent, found by their content, and checked when read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.storage.artifacts import ArtifactStore, write_whole
from backend.storage.errors import DiskFullError, StorageError


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_what_is_stored_is_read_back(tmp_path: Path, data: bytes) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.put(data)
    assert store.put(data) == digest
    assert store.get(digest) == data
    assert store.path(digest).stat().st_mode & 0o777 == 0o600


def test_damaged_and_missing_artifacts_are_refused(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.put(b"content")
    store.path(digest).write_bytes(b"CONTENT")
    with pytest.raises(StorageError, match="is damaged"):
        store.get(digest)
    with pytest.raises(StorageError, match="cannot be read"):
        store.get("0" * 64)


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_full_disk_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = {"write": (os, "open"), "fsync": (os, "fsync"), "rename": (Path, "replace")}[step]
    monkeypatch.setattr(*place, refuse)
    with pytest.raises(DiskFullError, match="is full: free some space"):
        write_whole(target, b"new")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_whole(tmp_path / "file" / "target", b"x")
