"""Labelled ImageNet photographs from a folder or zip file whose names hold the class."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from backend.bench.errors import BenchError
from backend.data.image_data import Labels, Pixels

SHORTER_SIDE, CROP = 256, 224
_NAME = re.compile(r"(\d{4})_n\d{8}\.(?:jpe?g|JPE?G)")
_LEAST = 10


@dataclass(frozen=True, eq=False)
class ImagenetSamples:
    """Photographs and their classes, in the order of their names.

    Attributes:
        images: u8 (n, 3, 224, 224): shorter side scaled to 256, then the centre cut out.
        labels: index among the 1,000 classes, (n,).
    """

    images: Pixels
    labels: Labels


def holds_samples(path: Path) -> bool:
    """Whether there are photographs named `IIII_nXXXXXXXX.jpg` (IIII: the class) there."""
    return sum(1 for _ in zip(_names(path), range(_LEAST), strict=False)) == _LEAST


def load_samples(path: Path) -> ImagenetSamples:
    """Decode them all.

    Raises:
        BenchError: one is no image, or of a class that does not exist.
    """
    pictures, labels = [], []
    for name, content in _contents(path):
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        labels.append(int(match.group(1)))
        if labels[-1] >= 1000:
            msg = f"{name}: ImageNet has the classes 0 to 999"
            raise BenchError(msg)
        pictures.append(_cropped(name, content))
    return ImagenetSamples(np.stack(pictures), np.asarray(labels, np.int64))


def _names(path: Path) -> Iterator[str]:
    if path.is_dir():
        names = sorted(found.name for found in path.iterdir())
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = sorted(PurePath(name).name for name in archive.namelist())
    else:
        names = []
    return (name for name in names if _NAME.fullmatch(name))


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for found in sorted(path.iterdir()):
            if _NAME.fullmatch(found.name):
                yield found.name, found.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist(), key=lambda name: PurePath(name).name):
            if _NAME.fullmatch(PurePath(name).name):
                yield PurePath(name).name, archive.read(name)


def _cropped(name: str, content: bytes) -> Pixels:
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        msg = f"{name} is no picture that can be read: {error}"
        raise BenchError(msg) from None
    scale = SHORTER_SIDE / min(picture.size)
    size = (max(SHORTER_SIDE, round(scale * picture.width)),
            max(SHORTER_SIDE, round(scale * picture.height)))  # fmt: skip
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - CROP) // 2, (size[1] - CROP) // 2
    pixels = np.asarray(picture.crop((left, top, left + CROP, top + CROP)))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
