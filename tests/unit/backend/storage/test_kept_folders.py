"""Folders that a team's machines bring over: whole, checked, and only where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.storage.errors import StorageError
from backend.storage.kept_folders import KeptFolders
from backend.storage.settings import Settings
from tests.fixtures.s3_server import s3_bucket

NAME = "artifacts/searches/abc/candidate"


@pytest.fixture(params=["folder", "s3"])
def shared(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "shared")
        return
    with s3_bucket(tmp_path.name, monkeypatch) as url:
        yield url


def machine(place: Path, shared: str) -> tuple[KeptFolders, Path]:
    settings = Settings(home=place, artifacts_url=shared)
    settings.make_folders()
    return KeptFolders(settings), settings.home


def filled(home: Path) -> Path:
    folder = home / NAME
    (folder / "package").mkdir(parents=True)
    (folder / "graph").write_bytes(b"weights")
    (folder / "package" / "program").write_bytes(b"code")
    (folder / "package" / "program").chmod(0o700)
    return folder


def test_another_machine_opens_what_one_has_kept(shared: str, tmp_path: Path) -> None:
    here, home = machine(tmp_path / "here", shared)
    there, _ = machine(tmp_path / "there", shared)
    assert not there.path(NAME).exists()
    folder = filled(home)
    assert here.keep(folder) == NAME
    brought = there.path(NAME)
    assert brought == tmp_path / "there" / NAME
    assert (brought / "graph").read_bytes() == b"weights"
    assert (brought / "package" / "program").stat().st_mode & 0o777 == 0o700
    (brought / "graph").write_bytes(b"mine")  # what is there stays as it is
    assert (there.path(NAME) / "graph").read_bytes() == b"mine"


def test_without_a_shared_place_a_folder_is_where_it_is(tmp_path: Path) -> None:
    here, home = machine(tmp_path / "here", "")
    folder = filled(home)
    assert here.keep(folder) == NAME
    assert here.path(NAME) == folder
    assert not list((tmp_path / "here").rglob("*.tar"))


def test_damaged_copy_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    here, home = machine(tmp_path / "here", str(tmp_path / "shared"))
    there, elsewhere = machine(tmp_path / "there", str(tmp_path / "shared"))
    here.keep(filled(home))
    (copy,) = (tmp_path / "shared").rglob("*.tar")
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(StorageError, match="copy of artifacts/searches/abc/candidate .*damaged"):
        there.path(NAME)
    assert not (elsewhere / NAME).exists()
