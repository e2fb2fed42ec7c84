"""The loop of a search: propose, evaluate in other processes, time here, store, repeat.

The parts, each in a file of its own: `budget_use` (may another candidate start), `warm_start` and
`asked` (what is tried before the sampler's proposals), `evaluations` (what the evaluators work
on), `promotions` (who deserves a dearer evaluation), `timing_queue` (what waits to be timed),
`ledger` (the study and all that is known), `final_scores` (the test images, after the end).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.config.rungs import Trained, label_of
from backend.jobs.errors import CancelledError
from backend.search.asked import AskedCandidates
from backend.search.budget_use import BudgetUse
from backend.search.evaluation_cache import EvaluationCache
from backend.search.evaluations import Evaluations
from backend.search.final_scores import FinalScores
from backend.search.ledger import Ledger
from backend.search.promotions import Promotions
from backend.search.surroundings import POLL_S, Surroundings
from backend.search.timing_queue import TimingQueue
from backend.search.warm_start import WarmStart


class SearchRun:
    """One run of one search; every result is stored before the next thing happens."""

    def __init__(self, run: Surroundings) -> None:
        self._run = run
        cache = EvaluationCache(run)
        self._ledger = Ledger(run)
        self._budget = BudgetUse(run, self._ledger)
        self._warm_start = WarmStart(run, self._ledger)
        self._asked = AskedCandidates(run, self._ledger)
        self._queue = TimingQueue(run, self._ledger, cache)
        self._evaluations = Evaluations(run, self._ledger, cache, self._queue)
        self._promotions = Promotions(run, self._ledger, cache, self._queue)

    def run(self) -> Mapping[str, Any]:
        """Go on until the budget is spent or nothing new is left, then score the front.

        Before the test images, whatever stands on the front is evaluated at the last rung.

        Raises:
            CancelledError: it was paused or cancelled; candidates in training are queued again.
            FencedError: another runner has taken it up.
        """
        try:
            self._search()
            FinalScores(self._run, self._ledger).run()
        except CancelledError:
            self._ledger.study.recover(died=False)
            raise
        front = self._ledger.store_progress()
        return {"search_id": self._run.records.search_id, "front": front}

    def _search(self) -> None:
        self._evaluations.begin_dense()
        self._warm_start.begin()
        while not self._is_done():
            self._budget.refresh()
            self._asked.take_up()
            self._promotions.fill(self._budget.allows_promotion)
            self._evaluations.fill(self._may_start)
            self._step()
        while self._promotions.fill_front() or len(self._queue):
            self._step()

    def _step(self) -> None:
        self._run.context.check()
        for outcome in self._run.executor.poll(POLL_S):
            if not self._promotions.take(outcome):
                self._evaluations.take(outcome)
        if self._queue.is_due(is_training=self._training > 0):
            self._report(self._queue.step)
            self._queue.time_all()
        self._report()

    @property
    def _training(self) -> int:
        return len(self._evaluations) + len(self._promotions)

    def _may_start(self) -> bool:
        waiting = len(self._queue) - len(self._queue.promotions)
        return self._budget.allows(len(self._evaluations), waiting)

    def _is_done(self) -> bool:
        if self._training or len(self._queue) or self._run.records.dense is None:
            return False
        if self._promotions.has_next() and self._budget.allows_promotion():
            return False
        return self._evaluations.is_exhausted or not self._may_start()

    def _report(self, step: str = "") -> None:
        done, total = len(self._ledger.finished), self._budget.control.budget.trials or 0
        training = self._training + int(self._queue.dense is None)
        parts = [f"{training} in training"] if training else []
        if step:
            parts = [step]
        elif len(self._queue):
            parts.append(f"{len(self._queue)} waiting to be timed")
        self._run.context.progress("searching", done, total, ", ".join([*self._reached(), *parts]))

    def _reached(self) -> list[str]:
        """How far candidates have come, "12 stitched", "3 trained ..."; nothing of one rung."""
        if not self._run.top_rung:
            return []
        rungs = self._run.config.training.fidelities
        labels = [("trained " if isinstance(it, Trained) else "") + label_of(it) for it in rungs]
        counts = self._ledger.at_rungs()
        return [f"{count} {label}" for count, label in zip(counts, labels, strict=True) if count]
