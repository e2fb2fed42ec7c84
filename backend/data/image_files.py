"""Labelled image files, wherever they come from, as one set of arrays.

A source yields (path inside it, bytes). Paths are `class/name`, or `train/class/name` and
`test/class/name`. Without a test part every fifth image of each class is for the test.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from backend.data.errors import DataError
from backend.data.image_data import ImageData, Pixels, measure_preprocessing

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm"})
MOST_IMAGES = 200_000
MOST_PIXELS = 50_000_000
MOST_BYTES = 4 << 30
_TRAIN, _TEST = "train", "test"
_TEST_EVERY = 5


@dataclass(frozen=True)
class ImageFile:
    """One image's place and content."""

    path: PurePosixPath
    content: bytes


def place_of(path: PurePosixPath) -> tuple[str, str] | None:
    """Part ("train", "test" or "") and class of an image's path, or None where it has none."""
    parts = path.parts
    if path.suffix.lower() not in SUFFIXES or any(part.startswith((".", "__")) for part in parts):
        return None
    if len(parts) >= 3 and parts[-3].lower() in {_TRAIN, _TEST}:
        return parts[-3].lower(), parts[-2]
    return ("", parts[-2]) if len(parts) >= 2 else None


def read_images(name: str, files: Iterable[ImageFile]) -> ImageData:
    """Decode images; all are brought to the size of the first.

    Raises:
        DataError: there are none, too many, or one cannot be read.
    """
    found: list[tuple[str, str, Pixels]] = []
    size: tuple[int, int] | None = None
    held = 0
    for file in files:
        place = place_of(file.path)
        if place is None:
            continue
        pixels, size = _decode(name, file, size)
        held += pixels.nbytes
        if len(found) == MOST_IMAGES or held > MOST_BYTES:
            msg = (
                f"{name!r} holds more images than fit in memory ({len(found)} read): describe it "
                "in a JSON file (train, test, size), and give that as data"
            )
            raise DataError(msg)
        found.append((*place, pixels))
    classes = tuple(sorted({label for _, label, _ in found}))
    if len(classes) < 2:
        msg = (
            f"{name!r} has images of {len(classes)} classes; put at least two folders of images "
            "there, one per class"
        )
        raise DataError(msg)
    return _assemble(name, found, classes)


def fit_picture(file: ImageFile, size: tuple[int, int], *, is_grey: bool) -> Pixels:
    """One picture as u8 (1 or 3, height, width): cut in its middle to the shape, then scaled.

    Args:
        file: its name and content.
        size: width and height.
        is_grey: one channel instead of three.

    Raises:
        DataError: it cannot be read, or is too large.
    """
    with opened_picture(f"the image {str(file.path)!r}", file) as image:
        from PIL import Image, ImageOps

        upright = ImageOps.exif_transpose(image).convert("L" if is_grey else "RGB")
        fitted = ImageOps.fit(upright, size, Image.Resampling.BICUBIC)
        return _planes(np.asarray(fitted, dtype=np.uint8))


def _decode(
    name: str, file: ImageFile, size: tuple[int, int] | None
) -> tuple[Pixels, tuple[int, int]]:
    with opened_picture(f"the image {str(file.path)!r} of {name!r}", file) as image:
        from PIL import Image

        grey = image.mode in {"1", "L", "I", "I;16", "F"}
        plain = image.convert("L" if grey else "RGB")
        if size is not None and plain.size != size:
            plain = plain.resize(size, Image.Resampling.BILINEAR)
        return _planes(np.asarray(plain, dtype=np.uint8)), plain.size


@contextmanager
def opened_picture(called: str, file: ImageFile) -> Iterator[Image]:
    """An image file within limits; any error while it is read is a DataError."""
    # pillow is slow to import and not there where only training happens
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file.content)) as image:
                if image.width * image.height > MOST_PIXELS:
                    msg = f"{called} is too large"
                    raise DataError(msg)
                yield image
    except DataError:
        raise
    except Exception as error:
        # pillow's decoders raise errors of many kinds on damaged files
        msg = f"{called} cannot be read: {error}"
        raise DataError(msg) from None


def _planes(pixels: Pixels) -> Pixels:
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _assemble(
    name: str, found: list[tuple[str, str, Pixels]], classes: tuple[str, ...]
) -> ImageData:
    channels = max(pixels.shape[0] for _, _, pixels in found)
    has_test = any(part == _TEST for part, _, _ in found)
    index = {label: number for number, label in enumerate(classes)}
    seen = dict.fromkeys(classes, 0)
    images: dict[str, list[Pixels]] = {_TRAIN: [], _TEST: []}
    labels: dict[str, list[int]] = {_TRAIN: [], _TEST: []}
    for part, label, pixels in found:
        seen[label] += 1
        if not has_test:
            part = _TEST if seen[label] % _TEST_EVERY == 0 else _TRAIN
        part = part or _TRAIN
        # grey pictures among colour ones get three equal channels
        images[part].append(np.broadcast_to(pixels, (channels, *pixels.shape[1:])))
        labels[part].append(index[label])
    if not images[_TRAIN] or not images[_TEST]:
        missing = _TRAIN if not images[_TRAIN] else _TEST
        msg = f"{name!r} has too few images: none is left for the {missing} part"
        raise DataError(msg)
    train = np.stack(images[_TRAIN])
    return ImageData(
        name=name,
        train_images=train,
        train_labels=np.array(labels[_TRAIN], np.int64),
        test_images=np.stack(images[_TEST]),
        test_labels=np.array(labels[_TEST], np.int64),
        classes=classes,
        preprocessing=measure_preprocessing(train),
    )
