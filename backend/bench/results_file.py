"""Rows of a benchmark in one JSON file, so that a run can be cut short and taken up again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.bench.errors import BenchError
from backend.storage.artifacts import write_whole


class ResultsFile:
    """A JSON object with `rows`; each row has a key, and a new row replaces one of its key."""

    def __init__(self, path: Path | None, key: Sequence[str]) -> None:
        """Read the file where there is one.

        Args:
            path: the file; None keeps the rows in memory alone.
            key: fields of a row that tell it from others.

        Raises:
            BenchError: The file is something else.
        """
        self._path, self._key = path, tuple(key)
        self.rows: list[dict[str, Any]] = []
        if path is None or not path.exists():
            return
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
            # Rows of before there were tuned ones.
            self.rows = [{"tuned": False, **row} if "tuned" in key else row for row in rows]
            for row in self.rows:
                self._key_of(row)
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{path} holds no results of this benchmark: name another file ({error})"
            raise BenchError(msg) from None

    def has(self, **key: object) -> bool:
        """Whether a row of that key is there already."""
        wanted = tuple(key[name] for name in self._key)
        return any(self._key_of(row) == wanted for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row and write the whole file."""
        own = self._key_of(row)
        self.rows = [*(old for old in self.rows if self._key_of(old) != own), row]
        if self._path is not None:
            text = json.dumps({"rows": self.rows}, indent=1) + "\n"
            write_whole(self._path, text.encode(), mode=0o644)

    def _key_of(self, row: dict[str, Any]) -> tuple[object, ...]:
        return tuple(row[name] for name in self._key)
