"""A package is whole or not there, and tells which file is damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from codegen.package import Package, PackageError, write_package
from codegen.toolchain.build import Binary
from tests.fixtures.hand_model import hand_bundle


def make(folder: Path, seed: int = 0) -> Package:
    bundle, values, expected = hand_bundle(seed=seed)
    binary = Binary(b"\x7fELF", "", "zig 0", "0" * 64)
    return write_package(folder, bundle, binary, input=values, expected=expected)


def test_package_holds_what_runs_and_its_sources(tmp_path: Path) -> None:
    package = make(tmp_path / "deep" / "p")
    names = {str(path.relative_to(package.folder)) for path in package.folder.rglob("*.*")}
    assert {"manifest.json", "weights.bin", "src/model.c", "src/runner_main.c"} <= names
    assert os.access(package.program, os.X_OK)
    assert package.input_shape == (1, 48)
    assert np.fromfile(package.folder / "input.bin", "<f4").size == 48
    assert Package.open(package.folder) == package
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["p"]


def test_same_bundle_gives_the_same_package_and_another_another(tmp_path: Path) -> None:
    assert make(tmp_path / "a").id == make(tmp_path / "b").id
    assert make(tmp_path / "a").id != make(tmp_path / "c", seed=1).id


def test_package_is_replaced_as_a_whole(tmp_path: Path) -> None:
    make(tmp_path / "p")
    (tmp_path / "p" / "left-over").touch()
    package = make(tmp_path / "p", seed=1)
    assert not (package.folder / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "thesis.tex").write_text("mine")
    with pytest.raises(PackageError, match="not a package"):
        make(tmp_path / "p")
    assert (tmp_path / "p" / "thesis.tex").read_text() == "mine"


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make(tmp_path / "p")

    def no_space(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("codegen.package.os.fsync", no_space)
    with pytest.raises(PackageError, match="No space left"):
        make(tmp_path / "p", seed=1)
    assert Package.open(tmp_path / "p") == old
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("name", ["model", "weights.bin", "input.bin", "src/model.c"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_damaged_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    path = make(tmp_path / "p").folder / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(PackageError, match=name):
        Package.open(tmp_path / "p")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"files": {}}'])
def test_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    make(tmp_path / "p")
    (tmp_path / "p" / "manifest.json").write_text(text)
    with pytest.raises(PackageError, match="manifest.json") as error:
        Package.open(tmp_path / "p")
    assert "\n" not in str(error.value)


def test_manifest_cannot_name_files_outside(tmp_path: Path) -> None:
    package = make(tmp_path / "p")
    manifest = json.loads((package.folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = "0" * 64
    (package.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match="not one of punchcard's"):
        Package.open(package.folder)


def test_self_test_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    bundle, values, expected = hand_bundle()
    binary = Binary(b"\x7fELF", "", "zig 0", "0" * 64)
    with pytest.raises(PackageError, match="input has shape"):
        write_package(tmp_path / "p", bundle, binary, input=expected, expected=values)
    assert not (tmp_path / "p").exists()
