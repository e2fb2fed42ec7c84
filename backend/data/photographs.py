"""Photographs of a folder, and pairs of small and large crops of them for super-resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.data.errors import DataError
from backend.data.image_data import Pixels

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_MOST_PIXELS = 80_000_000


@dataclass(frozen=True, eq=False)
class Photograph:
    """One photograph.

    Attributes:
        name: of its file.
        pixels: RGB u8, (3, h, w).
    """

    name: str
    pixels: Pixels


@dataclass(frozen=True, eq=False)
class PicturePairs:
    """The same places small and large.

    Attributes:
        small: u8 (n, 3, s, s), the large ones halved by bicubic interpolation.
        large: u8 (n, 3, 2 s, 2 s).
        photographs: index of the photograph of each pair, (n,).
    """

    small: Pixels
    large: Pixels
    photographs: np.ndarray[tuple[int], np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.small)


def read_photographs(folder: Path, reduce: int = 1) -> tuple[Photograph, ...]:
    """Read the photographs of a folder, by name.

    Args:
        folder: .jpg and .png files; folders in it are not looked into.
        reduce: each is made so many times smaller first, by averaging: noise and traces of JPEG
            go, which no net could predict.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    # pillow is slow to import and not there where only training happens
    from PIL import Image

    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    found = []
    for path in paths:
        try:
            with Image.open(path) as image:
                if image.width * image.height > _MOST_PIXELS:
                    msg = f"the photograph {path.name!r} is too large"
                    raise DataError(msg)
                plain = image.convert("RGB").reduce(reduce)
        except DataError:
            raise
        except Exception as error:
            # pillow's decoders raise errors of many kinds on damaged files
            msg = f"the photograph {path.name!r} cannot be read: {error}"
            raise DataError(msg) from None
        found.append(Photograph(path.name, np.asarray(plain, dtype=np.uint8).transpose(2, 0, 1)))
    if not found:
        msg = f"there are no photographs (.jpg, .png) in {str(folder)!r}"
        raise DataError(msg)
    return tuple(found)


def draw_pairs(
    photographs: Sequence[Photograph], each: int, small: int, seed: int = 0
) -> PicturePairs:
    """Random crops of 2 * `small` pixels a side, `each` of every photograph that is large enough.

    Raises:
        DataError: none is large enough.
    """
    random = np.random.default_rng(seed)
    side, large, origin = 2 * small, [], []
    for number, photograph in enumerate(photographs):
        _, height, width = photograph.pixels.shape
        if min(height, width) < side:
            continue
        for _ in range(each):
            y = int(random.integers(0, height - side + 1))
            x = int(random.integers(0, width - side + 1))
            large.append(photograph.pixels[:, y : y + side, x : x + side])
            origin.append(number)
    if not large:
        msg = f"no photograph is as large as a crop of {side} x {side} pixels"
        raise DataError(msg)
    halves = np.stack([bicubic(crop, small) for crop in large])
    return PicturePairs(halves, np.stack(large), np.array(origin, np.int64))


def bicubic(pixels: Pixels, size: int) -> Pixels:
    """A picture (3, h, w) brought to `size` x `size`; antialiased where it shrinks."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    scaled = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(scaled, dtype=np.uint8).transpose(2, 0, 1)
