"""A folder as one artefact: the same bytes for the same files, whole or not at all."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from backend.storage.archives import pack_folder, unpack_folder
from backend.storage.errors import StorageError


def test_folder_comes_back_and_its_files_decide_the_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "program").write_bytes(b"\0" * 999)
        (tmp_path / name / "inner" / "program").chmod(0o755)
        (tmp_path / name / "text").write_text(f"{name == name}")
    packed = pack_folder(tmp_path / "one")
    assert pack_folder(tmp_path / "two") == packed
    assert pack_folder(tmp_path / "one", owner="a") != pack_folder(tmp_path / "one", owner="b")
    (tmp_path / "two" / "old").touch()
    unpack_folder(pack_folder(tmp_path / "one", owner="a"), tmp_path / "two")
    assert not (tmp_path / "two" / "old").exists()
    assert pack_folder(tmp_path / "two") == packed
    assert (tmp_path / "two" / "inner" / "program").stat().st_mode & 0o100


@pytest.mark.parametrize("name", ["../outside", "/outside-of-a-folder", None])
def test_archive_that_is_damaged_or_leads_outside_changes_nothing(
    tmp_path: Path, name: str | None
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").touch()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        entry = tarfile.TarInfo(name or "file")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"data"))
    data = target.getvalue() if name else b"no archive"
    with pytest.raises(StorageError, match="archive of folder is damaged"):
        unpack_folder(data, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "kept").exists()
