"""What a run of a finalisation reads and writes; every write names the lease."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from backend.finalization.contestants import CONTESTANTS
from backend.jobs.context import JobContext
from backend.search.records import SearchError
from backend.storage.tables import Finalization

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


def first_rows(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The contestants of a finalisation that has not begun."""
    return [
        {"name": name, "title": CONTESTANTS[name].title, "state": WAITING, "history": []}
        for name in names
    ]


class FinalizationRecords:
    """The row of one finalisation."""

    def __init__(self, context: JobContext, finalization_id: str) -> None:
        self._context = context
        with context.database.read() as session:
            row = session.get(Finalization, finalization_id)
        if row is None:
            msg = f"there is no finalisation {finalization_id}"
            raise SearchError(msg)
        self.row = row
        self._contestants: list[dict[str, Any]] = deepcopy(list(row.contestants))
        self.full_run: dict[str, Any] = dict(row.full_run or {})

    def contestant(self, name: str) -> Mapping[str, Any]:
        """One contestant as it stands."""
        return next(row for row in self._contestants if row["name"] == name)

    @property
    def finished(self) -> list[str]:
        """Names of the contestants that have ended well, in their order."""
        return [row["name"] for row in self._contestants if row["state"] == DONE]

    def update_contestant(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Change one contestant and write it.

        Raises:
            FencedError: the lease is lost.
        """
        next(row for row in self._contestants if row["name"] == name).update(changes)
        self._write(contestants=deepcopy(self._contestants))

    def update_full_run(self, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Change what is known of the winner's full run and write it.

        Raises:
            FencedError: the lease is lost.
        """
        self.full_run.update(changes)
        self._write(full_run=deepcopy(self.full_run))

    def finish(self, winner: str, result: Mapping[str, Any]) -> None:
        """Write the finished net's record.

        Raises:
            FencedError: the lease is lost.
        """
        self._write(winner=winner, result=dict(result))

    def choose(self, winner: str) -> None:
        """Write who goes on to the full run.

        Raises:
            FencedError: the lease is lost.
        """
        self._write(winner=winner)

    def _write(self, **columns: Any) -> None:  # noqa: ANN401 - columns
        with self._context.write() as session:
            row = session.get_one(Finalization, self.row.id)
            for key, value in columns.items():
                setattr(row, key, value)
