"""Evaluations on disk, shared by all samplers and processes: what was computed once is not again.

Whoever asks is charged what the first computation took.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from backend.bench.search.search_task import Evaluation
from backend.storage.artifacts import write_whole


class EvaluationStore:
    """A folder with one small file a candidate; its name has to tell net, data and fidelity."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get(self, digest: str) -> Evaluation | None:
        """By a candidate's digest; a damaged file counts as none."""
        try:
            found = json.loads(self._path(digest).read_bytes())
            return Evaluation(**{name: float(value) for name, value in found.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, digest: str, evaluation: Evaluation) -> None:
        """Keep one.

        Raises:
            StorageError: the folder cannot be written.
        """
        write_whole(self._path(digest), json.dumps(asdict(evaluation)).encode())

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"
