"""Fronts of earlier searches, tried first by a new one."""

from __future__ import annotations

from backend.search.ledger import Ledger
from backend.search.legality import labels_in, why_outside
from backend.search.records import SearchError
from backend.search.study_view import read_study
from backend.search.surroundings import Surroundings
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.storage.tables import Search
from codegen.errors import PlanError

WARM = "warm_start"
"""Attribute of the trial: id of the earlier trial."""


class WarmStart:
    """Queues the front members of the searches that CONFIG.yaml names, where they are legal here.

    Their accuracies come from the cache where model, data, training and seed agree; their
    latencies are always measured anew, whatever device the earlier search had.
    """

    def __init__(self, run: Surroundings, ledger: Ledger) -> None:
        self._run = run
        self._ledger = ledger

    def begin(self) -> None:
        """Queue what is not queued yet; a later run of the search finds nothing left to do."""
        known = {trial.user_attrs.get(WARM) for trial in self._ledger.study.trials()}
        for search_id in self._run.config.warm_start:
            done_key = f"warm_started:{search_id}"
            if not self._ledger.study.is_noted(done_key):
                self._queue_front(search_id, known)
                self._ledger.study.note(done_key, True)

    def _queue_front(self, search_id: str, known: set[str | None]) -> None:
        space, context = self._run.prepared.space, self._run.context
        refused: list[str] = []
        queued = 0
        for trial_id, params in self._front(search_id):
            try:
                choices = {name: LayerChoice.parse(label) for name, label in params.items()}
                candidate = Candidate.of(choices)
                reason = why_outside(space, candidate)
            except PlanError as error:
                reason = str(error)
            if reason is not None:
                refused.append(f"{trial_id}: {reason}")
                continue
            queued += 1
            if trial_id not in known:
                attrs = {WARM: trial_id, "origin": f"warm start: {trial_id}"}
                self._ledger.study.enqueue(labels_in(space, params), attrs)
        words = f"{queued} front members of search {search_id} are tried first"
        if refused:
            words += f"; {len(refused)} are not possible here, the first one: {refused[0]}"
        context.event("warm_start", words, search=search_id)

    def _front(self, search_id: str) -> list[tuple[str, dict[str, str]]]:
        database = self._run.context.database
        with database.read() as session:
            row = session.get(Search, search_id)
        if row is None:
            msg = f"warm_start: there is no search {search_id!r} any more"
            raise SearchError(msg)
        front = {str(trial_id) for trial_id in row.front or ()}
        study = read_study(database.url, row.study_name)
        members = [(f"{row.id}-{trial.number}", dict(trial.params)) for trial in study.trials]
        return [member for member in members if member[0] in front]
