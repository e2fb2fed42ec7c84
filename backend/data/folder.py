"""A folder of images: one folder per class, optionally below `train` and `test`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.image_files import ImageFile, place_of, read_images


def matches_folder(path: Path) -> bool:
    """Any folder may hold images."""
    return path.is_dir()


def load_folder(path: Path) -> ImageData:
    """Read the images of a folder; links are not followed.

    Raises:
        DataError: the folder cannot be read or has no images of two classes.
    """
    return read_images(path.name or str(path), _walk(path))


def _walk(root: Path) -> Iterator[ImageFile]:
    def refuse(error: OSError) -> None:
        msg = f"the folder {error.filename!r} cannot be read: {error.strerror}"
        raise DataError(msg)

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            inside = PurePosixPath(path.relative_to(root).as_posix())
            if place_of(inside) is None or path.is_symlink():
                continue
            try:
                content = path.read_bytes()
            except OSError as error:
                msg = f"the image {str(path)!r} cannot be read: {error.strerror}"
                raise DataError(msg) from None
            yield ImageFile(inside, content)
