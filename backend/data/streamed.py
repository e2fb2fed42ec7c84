"""Class folders too large for memory: pictures are decoded when somebody asks for them.

A small JSON file describes the set, and its path is what commands and configurations take as data:

    {"train": "/data/imagenet/train", "test": "/data/imagenet/val", "size": 224, "resize": 256}

`train` and `test` hold one folder a class. A picture's shorter side is brought to `resize` and the
middle `size` x `size` are taken. `mean` and `std` (3 numbers each, of pixels / 255) are measured on
some training pictures where they are not given.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.data.errors import DataError
from backend.data.image_data import ImageData, Labels, Pixels, measure_preprocessing
from backend.data.image_files import SUFFIXES, ImageFile, opened_picture
from codegen.ir.graph import Preprocessing

MEASURED_IMAGES = 1000
_MOST_BYTES = 1 << 20
_KEYS = {"train", "test", "size", "resize", "mean", "std", "name"}

Offsets = npt.NDArray[np.int64]
"""Pixels by which each crop is moved from the middle: (n, 2), down and to the right."""


@dataclass(frozen=True, eq=False)
class StreamedPixels:
    """Pictures on disk that look like an array u8 (n, 3, size, size); an index decodes.

    Attributes:
        paths: of the files.
        size: side of the square that is taken.
        resize: length of the shorter side before.
    """

    paths: tuple[Path, ...]
    size: int
    resize: int

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """As of an array."""
        return len(self.paths), 3, self.size, self.size

    def __getitem__(self, index: slice | npt.NDArray[np.generic] | Sequence[int]) -> Pixels:
        """Decode some pictures, by slice, numbers or mask.

        Raises:
            DataError: one of them cannot be read.
        """
        chosen = np.arange(len(self.paths))[index]
        return self.crops(np.atleast_1d(chosen).astype(np.int64))

    def crops(self, index: npt.NDArray[np.int64], offsets: Offsets | None = None) -> Pixels:
        """Decode the pictures of some numbers, (n,), each moved by its offset where given.

        An offset that would leave the picture ends at its edge.

        Raises:
            DataError: one of them cannot be read.
        """
        moves = np.zeros((len(index), 2), np.int64) if offsets is None else offsets
        found = np.empty((len(index), 3, self.size, self.size), np.uint8)

        def decode(row: int) -> None:
            found[row] = self._decode(self.paths[index[row]], *moves[row].tolist())

        # pillow lets other threads run while it decodes
        with ThreadPoolExecutor(max(1, min(8, len(os.sched_getaffinity(0))))) as pool:
            list(pool.map(decode, range(len(index))))
        return found

    def _decode(self, path: Path, down: int, right: int) -> Pixels:
        from PIL import Image

        try:
            file = ImageFile(PurePosixPath(path.as_posix()), path.read_bytes())
        except OSError as error:
            msg = f"the image {str(path)!r} cannot be read: {error.strerror}"
            raise DataError(msg) from None
        with opened_picture(f"the image {str(path)!r}", file) as picture:
            plain = picture.convert("RGB")
        scale = self.resize / min(plain.size)
        wide, high = (max(self.size, round(side * scale)) for side in plain.size)
        plain = plain.resize((wide, high), Image.Resampling.BILINEAR)
        left = min(max(0, (wide - self.size) // 2 + right), wide - self.size)
        top = min(max(0, (high - self.size) // 2 + down), high - self.size)
        square = plain.crop((left, top, left + self.size, top + self.size))
        return np.asarray(square, np.uint8).transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class StreamedData(ImageData):
    """A set whose pictures stay on disk; everything that reads `ImageData` by index can use it."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names and sizes of all files, labels and classes: contents are not read."""
        state = hashlib.sha256("\0".join(self.classes).encode())
        for pixels, labels in (
            (self.train_images, self.train_labels),
            (self.test_images, self.test_labels),
        ):
            assert isinstance(pixels, StreamedPixels)
            state.update(f"{pixels.size} {pixels.resize}".encode())
            for path in pixels.paths:
                state.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\0".encode())
            state.update(labels.tobytes())
        return state.hexdigest()


def is_streamed(data: ImageData) -> bool:
    """Whether the training pictures stay on disk."""
    pixels: object = data.train_images
    return isinstance(pixels, StreamedPixels)


def matches_streamed(path: Path) -> bool:
    """A JSON file describes a streamed set."""
    return path.is_file() and path.suffix.lower() == ".json"


def load_streamed(path: Path) -> ImageData:
    """Read a description and list its files; no picture is decoded but those for mean and std.

    Raises:
        DataError: the description is wrong, or a folder is missing, empty or unreadable.
    """
    told = _description(path)
    size = _number(path, told, "size", None)
    resize = _number(path, told, "resize", size * 8 // 7)
    if resize < size:
        msg = f"{path.name}: resize is {resize}, below the size of {size}"
        raise DataError(msg)
    train_root, test_root = _root(path, told, "train"), _root(path, told, "test")
    classes = _classes(train_root)
    train, train_labels = _files(train_root, classes)
    test, test_labels = _files(test_root, classes)
    pixels = StreamedPixels(train, size, resize)
    return StreamedData(
        name=str(told.get("name", path.stem)),
        # an array by its index, which is all that readers of `ImageData` use
        train_images=pixels,  # type: ignore[arg-type]
        train_labels=train_labels,
        test_images=StreamedPixels(test, size, resize),  # type: ignore[arg-type]
        test_labels=test_labels,
        classes=classes,
        preprocessing=_preprocessing(path, told, pixels),
    )


def _description(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            msg = f"{path.name} is too large to describe a data set"
            raise DataError(msg)
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path.name!r} cannot be read as the description of a data set: {error}"
        raise DataError(msg) from None
    if not isinstance(told, dict):
        told = {}
    missing, unknown = {"train", "test", "size"} - told.keys(), told.keys() - _KEYS
    if missing or unknown:
        which = f"lacks {sorted(missing)[0]!r}" if missing else f"has no key {sorted(unknown)[0]!r}"
        msg = f"{path.name} {which}: it describes class folders by {', '.join(sorted(_KEYS))}"
        raise DataError(msg)
    return told


def _number(path: Path, told: dict[str, Any], key: str, default: int | None) -> int:
    value = told.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 8 <= value <= 4096:
        msg = f"{path.name}: {key} is {value!r}; it is a side in pixels, 8 to 4096"
        raise DataError(msg)
    return value


def _root(path: Path, told: dict[str, Any], key: str) -> Path:
    root = path.parent / Path(str(told[key])).expanduser()
    if not root.is_dir():
        msg = f"{path.name}: there is no folder {str(root)!r}; put one folder a class there"
        raise DataError(msg)
    return root


def _classes(root: Path) -> tuple[str, ...]:
    found = sorted(place.name for place in root.iterdir() if _is_class(place))
    if len(found) < 2:
        msg = f"{str(root)!r} has folders of {len(found)} classes; at least two are needed"
        raise DataError(msg)
    return tuple(found)


def _is_class(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and not place.name.startswith((".", "__"))


def _files(root: Path, classes: tuple[str, ...]) -> tuple[tuple[Path, ...], Labels]:
    """Files and labels in the order of their names; links are not followed."""
    strange = [p.name for p in root.iterdir() if _is_class(p) and p.name not in set(classes)]
    if strange:
        msg = f"{str(root)!r} has a class {strange[0]!r} that the training pictures do not have"
        raise DataError(msg)
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        folder = root / name
        for place in sorted(folder.iterdir()) if folder.is_dir() else []:
            if place.suffix.lower() in SUFFIXES and not place.is_symlink():
                paths.append(place)
                labels.append(label)
    if not paths:
        msg = f"{str(root)!r} holds no pictures in its class folders"
        raise DataError(msg)
    return tuple(paths), np.array(labels, np.int64)


def _preprocessing(path: Path, told: dict[str, Any], pixels: StreamedPixels) -> Preprocessing:
    if "mean" not in told and "std" not in told:
        drawn = np.random.default_rng(0).permutation(len(pixels))[:MEASURED_IMAGES]
        return measure_preprocessing(pixels[np.sort(drawn)])
    try:
        mean, std = (tuple(float(x) for x in told[key]) for key in ("mean", "std"))
    except (KeyError, TypeError, ValueError):
        mean, std = (), ()
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        msg = f"{path.name}: mean and std are 3 numbers each, of pixels / 255, std above 0"
        raise DataError(msg)
    return Preprocessing(mean, std)
