"""A compiled model as a folder: program, weights, a self-test, sources and a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from codegen.bundle import SourceBundle
from codegen.errors import PunchcardError
from codegen.toolchain.build import Binary
from codegen.toolchain.library import Library
from codegen.toolchain.runner_sources import runner_sources

FORMAT = 1
MANIFEST = "manifest.json"
GRAPH = "graph.safetensors"
# What runs on a device; the sources stay here.
RUNTIME_FILES = ("model", "weights.bin", "input.bin", "expected.bin")
# What a program links or loads; only packages for use on this side of a device have them.
LIBRARY_FILES = ("libmodel.a", "libmodel.so", "model.h")
_REQUIRED_KEYS = ("format", "name", "target", "input", "output", "layers", "files")
_SOURCE_NAME = re.compile(r"src/[a-z0-9][a-z0-9_.-]{0,120}")


class PackageError(PunchcardError):
    """A package folder is incomplete, altered or cannot be written."""


@dataclass(frozen=True)
class Package:
    """A folder made by ``write_package`` whose files have the hashes its manifest names.

    Attributes:
        folder: Where it lies.
        manifest: The parsed manifest.
        id: First 16 hex digits of the manifest's SHA-256: the release name on a device.
    """

    folder: Path
    manifest: Mapping[str, Any]
    id: str

    @staticmethod
    def open(folder: Path) -> Package:
        """Read a package and compare every file with its hash.

        Raises:
            PackageError: A file is missing, truncated or altered; the message names it.
        """
        text = _read(folder, MANIFEST)
        manifest = _parse_manifest(folder, text)
        for name, digest in sorted(manifest["files"].items()):
            if hashlib.sha256(_read(folder, name)).hexdigest() != digest:
                msg = f"{name} of package {folder} is truncated or altered: compile the model again"
                raise PackageError(msg)
        return Package(folder, MappingProxyType(manifest), hashlib.sha256(text).hexdigest()[:16])

    @property
    def program(self) -> Path:
        """The ELF."""
        return self.folder / "model"

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file that a device needs, the manifest excepted."""
        return {name: str(self.manifest["files"][name]) for name in RUNTIME_FILES}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input, batch axis first."""
        return tuple(int(size) for size in self.manifest["input"]["shape"])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output, batch axis first."""
        return tuple(int(size) for size in self.manifest["output"]["shape"])


def write_package(
    folder: Path,
    bundle: SourceBundle,
    binary: Binary,
    *,
    input: npt.NDArray[np.float32],  # noqa: A002 - the manifest's own word
    expected: npt.NDArray[np.float32],
    graph: bytes | None = None,
    library: Library | None = None,
) -> Package:
    """Write a package beside its folder and rename it there, so that none is ever half-written.

    Args:
        folder: Where it shall lie; a package that stands there is replaced, anything else refused.
        bundle: Sources, weights and manifest.
        binary: The program built of them.
        input: Self-test input, f32 of the manifest's input shape.
        expected: What the graph computes for it, f32 of the manifest's output shape.
        graph: The saved graph, so that the package can be built again for another target.
        library: The model as static and shared library, with its header.

    Raises:
        PackageError: The folder is in use for something else or cannot be written, or the
            self-test has the wrong size.
    """
    files = _files(bundle, binary, input, expected)
    if graph is not None:
        files[GRAPH] = graph
    if library is not None:
        parts = (library.static, library.shared, library.header.encode())
        files |= dict(zip(LIBRARY_FILES, parts, strict=True))
    manifest = {
        "format": FORMAT,
        **bundle.manifest,
        "compiler": binary.compiler_id,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            _fill(aside, files)
            _exchange(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        msg = f"package {folder} cannot be written: {error.strerror or error}"
        raise PackageError(msg) from error
    return Package.open(folder)


def check_folder(folder: Path) -> None:
    """Return when a package may be written there: nothing, an empty folder, or a package.

    Raises:
        PackageError: Something else stands there.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and not _is_empty(folder):
        msg = f"{folder} exists and is not a package: name another folder, or remove it first"
        raise PackageError(msg)


def _files(
    bundle: SourceBundle,
    binary: Binary,
    values: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float32],
) -> dict[str, bytes]:
    for key, array in (("input", values), ("output", expected)):
        shape = tuple(bundle.manifest[key]["shape"])
        if array.size != int(np.prod(shape)):
            msg = f"the self-test's {key} has shape {array.shape}, the model's {key} is {shape}"
            raise PackageError(msg)
    sources = {**runner_sources(), **{file.name: file.text for file in bundle.files}}
    return {
        "model": binary.elf,
        "weights.bin": bundle.weights,
        "input.bin": np.ascontiguousarray(values, dtype="<f4").tobytes(),
        "expected.bin": np.ascontiguousarray(expected, dtype="<f4").tobytes(),
        **{f"src/{name}": text.encode() for name, text in sources.items()},
    }


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.chmod(0o755)
    (folder / "src").mkdir()
    for name, data in files.items():
        path = folder / name
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o755 if name in ("model", "libmodel.so") else 0o644)


def _exchange(aside: Path, folder: Path) -> None:
    """Put the finished folder in place; what stood there goes only after it has moved away."""
    if not folder.exists():
        aside.rename(folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-old-"))
    try:
        folder.rename(old)
        try:
            aside.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        what = "is no compiled package" if name == MANIFEST else f"lacks {name}"
        msg = f"{folder} {what} ({error.strerror}): make one with 'punchcard compile'"
        raise PackageError(msg) from error


def _parse_manifest(folder: Path, text: bytes) -> dict[str, Any]:
    try:
        manifest: Any = json.loads(text)
    except ValueError as error:
        msg = f"{MANIFEST} of package {folder} is truncated or altered: compile the model again"
        raise PackageError(msg) from error
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if (
        not isinstance(files, dict)
        or any(key not in manifest for key in _REQUIRED_KEYS)
        or any(name not in files for name in RUNTIME_FILES)
        or any(
            name not in (*RUNTIME_FILES, *LIBRARY_FILES, GRAPH) and not _SOURCE_NAME.fullmatch(name)
            for name in files
        )
    ):
        msg = f"{MANIFEST} of package {folder} is not one of punchcard's: compile the model again"
        raise PackageError(msg)
    if manifest["format"] != FORMAT:
        msg = (
            f"package {folder} has format {manifest['format']}, this version reads {FORMAT}: "
            "compile the model again"
        )
        raise PackageError(msg)
    return dict(manifest)
