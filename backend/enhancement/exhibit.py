"""One picture of a study with what both nets see in it: kept as arrays, written as PNG."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.data.image_data import Pixels
from backend.enhancement.settings import METHOD_TITLES

_SIDE = 168
_GAP = 8
_HEAD = 16


@dataclass(frozen=True, eq=False)
class Sight:
    """One method on one picture: u8 of (h, w) for maps, (c, h, w) for pictures, dense and pruned.

    Maps of both nets share one scale: 255 is the strongest of the two.
    """

    dense: Pixels
    pruned: Pixels


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One picture, u8 (c, h, w), what it is called, the classes both nets see, and its sights."""

    name: str
    image: Pixels
    dense_class: str
    pruned_class: str
    sights: Mapping[str, Sight]


def pack(items: Sequence[Exhibit]) -> bytes:
    """Exhibits as one NumPy file; `unpack` reads it back."""
    arrays: dict[str, np.ndarray] = {}
    for number, item in enumerate(items):
        arrays[f"{number}/image"] = item.image
        arrays[f"{number}/words"] = np.array([item.name, item.dense_class, item.pruned_class])
        for method, sight in item.sights.items():
            arrays[f"{number}/{method}/dense"] = sight.dense
            arrays[f"{number}/{method}/pruned"] = sight.pruned
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[Exhibit, ...]:
    """Read what `pack` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        count = sum(name.endswith("/image") for name in arrays.files)
        found = []
        for number in range(count):
            methods = [
                parts[1]
                for parts in (name.split("/") for name in arrays.files)
                if parts[0] == str(number) and parts[-1] == "dense"
            ]
            sights = {
                method: Sight(
                    arrays[f"{number}/{method}/dense"], arrays[f"{number}/{method}/pruned"]
                )
                for method in methods
            }
            words = [str(word) for word in arrays[f"{number}/words"]]
            found.append(Exhibit(words[0], arrays[f"{number}/image"], words[1], words[2], sights))
    return tuple(found)


def png_files(items: Sequence[Exhibit]) -> Iterator[tuple[str, bytes]]:
    """One PNG a picture: a row for each method, columns input, dense and pruned."""
    for number, item in enumerate(items, 1):
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in item.name)[:40]
        yield f"{number:02d}-{safe}.png", _png(item)


def png_zip(items: Sequence[Exhibit]) -> bytes:
    """All PNG files in one archive; the same pictures give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in png_files(items):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _png(item: Exhibit) -> bytes:
    # pillow is slow to import and not there where only training happens
    from PIL import Image, ImageDraw

    rows = list(item.sights)
    tall = round(_SIDE * item.image.shape[1] / item.image.shape[2])
    size = (3 * _SIDE + 4 * _GAP, len(rows) * (tall + _HEAD + _GAP) + _GAP)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for row, method in enumerate(rows):
        top = _GAP + row * (tall + _HEAD + _GAP)
        sight = item.sights[method]
        titles = (
            METHOD_TITLES[method],
            f"dense: {item.dense_class}",
            f"pruned: {item.pruned_class}",
        )
        for column, pixels in enumerate((item.image, sight.dense, sight.pruned)):
            left = _GAP + column * (_SIDE + _GAP)
            pen.text((left, top), titles[column][:30], fill="black")
            tile = Image.fromarray(_channels_last(pixels)).resize(
                (_SIDE, tall), Image.Resampling.NEAREST
            )
            canvas.paste(tile, (left, top + _HEAD))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def _channels_last(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return pixels
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
