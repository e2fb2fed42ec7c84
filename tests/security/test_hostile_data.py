"""Data sets made to hurt: bombs, lies about sizes, paths that leave the folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backend.data import archive, image_files
from backend.data.errors import DataError
from backend.data.registry import open_data
from tests.fixtures.image_sets import png

PICTURE = png(np.full((6, 6), 9, np.uint8))


def zipped(path: Path, entries: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return str(path)


def good(names: tuple[str, ...] = ("a", "b")) -> dict[str, bytes]:
    return {f"{part}/{label}/1.png": PICTURE for part in ("train", "test") for label in names}


def test_paths_that_leave_the_archive_write_nothing(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    spec = zipped(inner / "x.zip", {**good(), "../../evil/c/1.png": PICTURE})
    open_data(spec)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "x.zip"]


def test_a_huge_entry_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILE_BYTES", 1000)
    spec = zipped(tmp_path / "bomb.zip", {**good(), "train/a/2.png": bytes(100_000)})
    with pytest.raises(DataError, match="larger than"):
        open_data(spec)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 2)
    with pytest.raises(DataError, match="more than 2 entries"):
        open_data(zipped(tmp_path / "many.zip", good()))


def test_a_picture_of_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "MOST_PIXELS", 20)
    with pytest.raises(DataError, match="too large"):
        open_data(zipped(tmp_path / "wide.zip", good()))


def test_more_pixels_than_memory_takes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="more images than fit"):
        open_data(zipped(tmp_path / "many.zip", good(("a", "b", "c"))))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x1f\x8b broken"])
@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.npz"])
def test_files_of_rubbish_are_told_in_one_sentence(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError):
        open_data(str(path))


def test_a_torn_image_is_named(tmp_path: Path) -> None:
    spec = zipped(tmp_path / "torn.zip", {**good(), "train/b/2.png": PICTURE[:40]})
    with pytest.raises(DataError, match="train/b/2.png"):
        open_data(spec)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, train_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="cannot be read"):
        open_data(str(path))


def test_links_in_tar_files_and_folders_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(PICTURE)
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as file:
        for name, content in good().items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("train/a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        file.addfile(link)
    assert len(open_data(str(path)).train_images) == 2
    folder = tmp_path / "set"
    for name, content in good().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "train" / "a" / "link.png").symlink_to(secret)
    assert len(open_data(str(folder)).train_images) == 2
