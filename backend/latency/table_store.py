"""Latency tables of an installation: files in one folder, built here or brought by others."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from backend.latency.errors import LatencyError
from backend.latency.measured_run import FIT
from backend.latency.table import LatencyTable
from backend.storage.artifacts import write_whole
from backend.storage.settings import Settings

MAX_FILE_BYTES = 64 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class StoredTable:
    """A table and the name of its file without the ending."""

    name: str
    table: LatencyTable


class TableStore:
    """The folder `latency` of an installation."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "latency"

    def path(self, name: str) -> Path:
        """File of a table.

        Raises:
            LatencyError: the name is none of a table.
        """
        if not _NAME.fullmatch(name):
            msg = f"{ascii(name[:80])} is no name of a latency table"
            raise LatencyError(msg)
        return self._folder / f"{name}.json"

    def names(self) -> list[str]:
        """Names of all tables, sorted."""
        if not self._folder.is_dir():
            return []
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def tables(self) -> list[StoredTable]:
        """All tables that can be read."""
        found = []
        for name in self.names():
            with contextlib.suppress(LatencyError):
                found.append(StoredTable(name, self.read(name)))
        return found

    def read(self, name: str) -> LatencyTable:
        """A table by its name.

        Raises:
            LatencyError: there is none, or its file is damaged.
        """
        path = self.path(name)
        if not path.is_file():
            known = ", ".join(self.names()) or "none yet; punchcard bench table builds one"
            msg = f"there is no latency table {name!r}; there are: {known}"
            raise LatencyError(msg)
        return read_table(path)

    def write(self, name: str, table: LatencyTable) -> None:
        """Keep a table, whole or not at all."""
        path = self.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, table.to_json().encode())

    def remove(self, name: str) -> None:
        """Forget a table.

        Raises:
            LatencyError: there is none.
        """
        self.read(name)
        self.path(name).unlink(missing_ok=True)

    def bring_in(self, content: bytes, source: str) -> StoredTable:
        """Keep somebody's file under a name made of its device and content.

        Raises:
            LatencyError: it is too large, or no latency table.
        """
        if len(content) > MAX_FILE_BYTES:
            msg = f"{source} is larger than {MAX_FILE_BYTES >> 20} MiB: that is no latency table"
            raise LatencyError(msg)
        table = LatencyTable.from_json(content, source)
        digest = hashlib.sha256(content).hexdigest()[:8]
        device = re.sub(r"[^A-Za-z0-9]+", "-", str(table.device.get("name", "")))[:40].strip("-")
        name = f"{device or 'device'}-file-{digest}"
        self.write(name, table)
        return StoredTable(name, table)

    def fitting(self, identity: str, target: str, net: str) -> StoredTable | None:
        """The table with most programs of a net among those that hold for a device and target.

        Tables that have other nets alone count where none has this one.
        """
        fits = [one for one in self.tables() if one.table.why_unfit(identity, target) is None]
        fits = [one for one in fits if one.table.runs_of(FIT)]
        return max(fits, key=lambda one: _worth(one.table, net), default=None)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """While inside, nobody else builds this table.

        Raises:
            LatencyError: somebody does.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(str(self.path(name).with_suffix(".lock")))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            msg = f"latency table {name} is being built by another process: wait until it ends"
            raise LatencyError(msg) from None
        try:
            yield
        finally:
            lock.release()


def built_name(device: str, identity: str, target: str) -> str:
    """Name of the table that is built here for a device and target."""
    digest = hashlib.sha256(f"{identity}/{target}".encode()).hexdigest()[:8]
    return f"{device}-{digest}"


def read_table(path: Path) -> LatencyTable:
    """Read a table's file.

    Raises:
        LatencyError: it cannot be read, or is none.
    """
    try:
        stat = path.stat()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise LatencyError(msg) from None
    if stat.st_size > MAX_FILE_BYTES:
        msg = f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB: that is no latency table"
        raise LatencyError(msg)
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> LatencyTable:
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise LatencyError(msg) from None
    return LatencyTable.from_json(content, str(path))


def _worth(table: LatencyTable, net: str) -> tuple[int, int]:
    return len(table.runs_of(FIT, net)), len(table.runs_of(FIT))
