"""A folder as one artefact: a tar whose bytes follow from the files alone."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from backend.storage.artifacts import telling_disk_errors
from backend.storage.errors import StorageError


def pack_folder(folder: Path, owner: str = "") -> bytes:
    """All files below a folder, without times; the same files give the same bytes.

    Args:
        folder: what to pack.
        owner: written into the archive, so that what two owners pack never is one artefact: each
            may then remove his.
    """
    target = io.BytesIO()
    headers = {"comment": owner} if owner else {}
    with tarfile.open(
        fileobj=target, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers
    ) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o700 if path.stat().st_mode & 0o100 else 0o600
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return target.getvalue()


def unpack_folder(data: bytes, folder: Path) -> None:
    """Put the files of an archive in a folder's place, whole or not at all.

    Raises:
        StorageError: it is no such archive, or names files outside of it.
        DiskFullError: no space.
    """
    aside = folder.with_name(f".{folder.name}.unpacked")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with telling_disk_errors(folder.parent):
            aside.mkdir(mode=0o700, parents=True)
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
                for entry in archive:
                    _unpack_file(archive, entry, aside)
            shutil.rmtree(folder, ignore_errors=True)
            aside.replace(folder)
    except tarfile.TarError as error:
        msg = f"The archive of {folder.name} is damaged ({error}): make it again."
        raise StorageError(msg) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unpack_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """Write one file of an archive; `extractall` can be told to be safe from Python 3.11.4 only."""
    place = PurePosixPath(entry.name)
    content = archive.extractfile(entry) if entry.isreg() else None
    if content is None or place.is_absolute() or ".." in place.parts:
        msg = f"{entry.name!r} is no file below the folder"
        raise tarfile.TarError(msg)
    target = folder / place
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o700 if entry.mode & 0o100 else 0o600)
