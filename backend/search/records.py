"""The row of a search and the cache of evaluations; every write names the lease."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from backend.jobs.clock import now_s
from backend.jobs.context import JobContext
from backend.search.identity import differences
from backend.storage.tables import Evaluation, Search
from codegen.errors import PunchcardError


class SearchError(PunchcardError):
    """A search cannot be run or shown; the message says why."""


class SearchRecords:
    """What one run of a search reads and writes beside the study."""

    def __init__(self, context: JobContext, search_id: str) -> None:
        self._context = context
        self.search_id = search_id
        with context.database.read() as session:
            row = session.get(Search, search_id)
            if row is None:
                msg = f"there is no search {search_id}"
                raise SearchError(msg)
            self.config: dict[str, Any] = dict(row.config)
            self.study_name = row.study_name
            self.digests: dict[str, Any] | None = row.digests
            self.dense: dict[str, Any] | None = row.dense
            self._elapsed_before_s = row.elapsed_s
        self._begun_at = now_s()

    @property
    def elapsed_s(self) -> float:
        """Running time so far, over all runs of this search."""
        return self._elapsed_before_s + now_s() - self._begun_at

    def read_control(self) -> dict[str, Any] | None:
        """What a user has changed of budget and workers since the start; None: nothing."""
        with self._context.database.read() as session:
            return session.scalar(select(Search.control).where(Search.id == self.search_id))

    def update(self, **changes: Any) -> None:  # noqa: ANN401 - columns
        """Write columns of the search's row, and its elapsed time.

        Raises:
            FencedError: the lease is lost.
        """
        with self._context.write() as session:
            row = session.get_one(Search, self.search_id)
            row.elapsed_s = self.elapsed_s
            row.started_at = self._begun_at
            for key, value in changes.items():
                setattr(row, key, value)
        if "dense" in changes:
            self.dense = changes["dense"]

    def check_identity(
        self, digests: Mapping[str, str], details: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Store digests and details at the first run; afterwards the digests must be the same.

        Args:
            digests: SHA-256 of each part (model, data, space, settings).
            details: the same parts as JSON objects, to tell what has changed.

        Raises:
            SearchError: names every part that is no longer what the search began with.
        """
        if self.digests is None:
            self.digests = {**digests, "details": dict(details)}
            self.update(digests=self.digests)
            return
        # As the database gives it back: tuples are lists there.
        new = json.loads(json.dumps(details))
        old = self.digests.get("details", {})
        changed = [
            differences(part, old[part], new[part])
            if part in old and old[part] != new[part]
            else f"{part} was {str(self.digests.get(part))[:12]}, is now {digest[:12]}"
            for part, digest in digests.items()
            if self.digests.get(part) != digest
        ]
        if changed:
            msg = (
                f"search {self.search_id} cannot go on, because it would be another search: "
                f"{'; '.join(changed)}; start a new one"
            )
            raise SearchError(msg)

    def cached(self, key: str) -> tuple[dict[str, Any], str, str | None] | None:
        """Result, folder and search of an evaluation made before, or None."""
        with self._context.database.read() as session:
            row = session.get(Evaluation, key)
            return None if row is None else (dict(row.result), row.folder, row.search_id)

    def store(
        self, key: str, candidate: Mapping[str, Any], result: Mapping[str, Any], folder: str
    ) -> None:
        """Remember an evaluation; the first one of a key stands.

        Raises:
            FencedError: the lease is lost.
        """
        with self._context.write() as session:
            if session.get(Evaluation, key) is None:
                session.add(
                    Evaluation(
                        key=key,
                        search_id=self.search_id,
                        candidate=dict(candidate),
                        result=dict(result),
                        folder=folder,
                        created_at=now_s(),
                    )
                )
