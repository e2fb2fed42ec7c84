"""Candidates that a user asked a search to try next: rows of a table become trials."""

from __future__ import annotations

from sqlalchemy import select

from backend.search.ledger import Ledger
from backend.search.legality import labels_in
from backend.search.surroundings import Surroundings
from backend.storage.tables import AskedCandidate

ASKED = "asked"
"""Attribute of the trial: the row's id."""


class AskedCandidates:
    """Puts what was asked for in front of what the sampler would propose.

    The trial is written before its row is marked: a kill between the two leaves a row whose trial
    is found again by its id.
    """

    def __init__(self, run: Surroundings, ledger: Ledger) -> None:
        self._run = run
        self._ledger = ledger

    def take_up(self) -> None:
        """Queue every candidate that was asked for since the last call."""
        rows = self._waiting()
        if not rows:
            return
        known = {trial.user_attrs.get(ASKED) for trial in self._ledger.study.trials()}
        for row in rows:
            if row.id not in known:
                labels = labels_in(self._run.prepared.space, row.candidate)
                origin = f"by hand: {row.origin}"
                self._ledger.study.enqueue(labels, {ASKED: row.id, "origin": origin})
            with self._run.context.write() as session:
                session.get_one(AskedCandidate, row.id).taken = True

    def _waiting(self) -> list[AskedCandidate]:
        query = (
            select(AskedCandidate)
            .where(
                AskedCandidate.search_id == self._run.records.search_id,
                AskedCandidate.taken.is_(False),
            )
            .order_by(AskedCandidate.id)
        )
        with self._run.context.database.read() as session:
            return list(session.scalars(query))
