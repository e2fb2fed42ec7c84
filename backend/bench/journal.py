"""Results of cells as JSON lines: one is appended when a cell ends, so a run can be cut anywhere.

Several processes may write to one file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.bench.errors import BenchError

_FIELDS = {"key", "net", "row", "seed", "facts", "values"}


class Journal:
    """Results by the key of their cell; the last one written of a key counts."""

    def __init__(self, path: Path) -> None:
        """Read the file where there is one.

        Raises:
            BenchError: A line before the last is damaged, or the file is something else.
        """
        self.path = path
        self.records: dict[str, dict[str, Any]] = {}
        self.reload()

    def __contains__(self, key: object) -> bool:
        """Whether a cell's result is there."""
        return key in self.records

    def reload(self) -> None:
        """Read what other processes have written meanwhile."""
        if not self.path.exists():
            return
        try:
            content = self.path.read_bytes()
        except OSError as error:
            msg = f"{self.path} cannot be read: {error.strerror}"
            raise BenchError(msg) from None
        # what follows the last newline was cut while it was written
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                if not record.keys() >= _FIELDS:
                    raise ValueError
            except (ValueError, AttributeError):
                msg = (
                    f"{self.path}, line {number}: this is no result of a benchmark; delete "
                    "the line, or name another file by --results"
                )
                raise BenchError(msg) from None
            self.records[record["key"]] = record

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a result: the whole line or nothing.

        Raises:
            BenchError: The file cannot be written.
        """
        line = json.dumps(record, sort_keys=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as handle:
                end = os.fstat(handle).st_size
                kept = _end_of_last_line(handle, end)
                if kept < end:
                    os.ftruncate(handle, kept)
                os.pwrite(handle, line.encode(), kept)
                os.fsync(handle)
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror}"
            raise BenchError(msg) from None
        self.records[record["key"]] = json.loads(line)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


def _end_of_last_line(handle: int, end: int) -> int:
    """Offset behind the last newline of a file of `end` bytes."""
    step = 1 << 16
    while end > 0:
        start = max(0, end - step)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
