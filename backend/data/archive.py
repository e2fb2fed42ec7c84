"""A zip or tar file of an image folder, read in memory: nothing of it is written to disk."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.image_files import ImageFile, place_of, read_images

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
MOST_FILE_BYTES = 64 << 20
MOST_ENTRIES = 1_000_000


def matches_archive(path: Path) -> bool:
    """A file with the name of an archive."""
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def load_archive(path: Path) -> ImageData:
    """Read the images of an archive.

    Raises:
        DataError: the file is damaged, has an entry beyond the limits, or no images of two classes.
    """
    walk = _walk_zip if path.name.lower().endswith(".zip") else _walk_tar
    try:
        return read_images(path.name, walk(path))
    except (
        OSError,
        EOFError,
        RuntimeError,  # an encrypted zip
        NotImplementedError,  # a zip of an unknown method
        zipfile.BadZipFile,
        tarfile.TarError,
        lzma.LZMAError,
        zlib.error,
    ) as error:
        msg = f"the archive {path.name!r} cannot be read: {error}"
        raise DataError(msg) from None


def _walk_zip(path: Path) -> Iterator[ImageFile]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_count(path, len(entries))
        for entry in sorted(entries, key=lambda item: item.filename):
            inside = PurePosixPath(entry.filename)
            if entry.is_dir() or place_of(inside) is None:
                continue
            _check_size(path, inside, entry.file_size)
            with archive.open(entry) as file:
                # the size in the directory may be a lie: never read more than was allowed
                content = file.read(MOST_FILE_BYTES + 1)
            _check_size(path, inside, len(content))
            yield ImageFile(inside, content)


def _walk_tar(path: Path) -> Iterator[ImageFile]:
    with tarfile.open(path) as archive:
        for count, entry in enumerate(archive, start=1):
            _check_count(path, count)
            inside = PurePosixPath(entry.name)
            if not entry.isfile() or place_of(inside) is None:
                continue
            _check_size(path, inside, entry.size)
            file = archive.extractfile(entry)
            assert file is not None, entry.name
            yield ImageFile(inside, file.read())


def _check_size(path: Path, inside: PurePosixPath, size: int) -> None:
    if size > MOST_FILE_BYTES:
        msg = f"{str(inside)!r} in {path.name!r} is larger than {MOST_FILE_BYTES >> 20} MB"
        raise DataError(msg)


def _check_count(path: Path, count: int) -> None:
    if count > MOST_ENTRIES:
        msg = f"the archive {path.name!r} has more than {MOST_ENTRIES} entries"
        raise DataError(msg)
