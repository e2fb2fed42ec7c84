"""Candidates on their way through the evaluators: begun, taken from the cache, or come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.search.evaluation_cache import EvaluationCache
from backend.search.executor import Outcome, Task
from backend.search.ledger import Ledger
from backend.search.records import SearchError
from backend.search.results import epochs_of, read_evaluation, why_unusable, with_rung
from backend.search.study import Proposal
from backend.search.surroundings import DENSE, Surroundings
from backend.search.timing_queue import Ready, TimingQueue
from backend.search.warm_start import WARM
from backend.sparsity.candidate import Candidate


class Evaluations:
    """Keeps the evaluators busy; what they finish goes to the timing queue.

    Attributes:
        is_exhausted: nothing new is left in the space.
    """

    def __init__(
        self, run: Surroundings, ledger: Ledger, cache: EvaluationCache, queue: TimingQueue
    ) -> None:
        self._run = run
        self._ledger = ledger
        self._cache = cache
        self._queue = queue
        self._running: dict[str, Proposal] = {}
        self.is_exhausted = False

    def __len__(self) -> int:
        """Number of candidates in training, the dense net not counted."""
        return len(self._running)

    def begin_dense(self) -> None:
        """Take the baseline from this search or an earlier one, or have it trained."""
        records = self._run.records
        found = self._cache.find(Candidate()) if records.dense is None else None
        if found is not None:
            dense = {**found[0], "cached": True}
            evaluation = read_evaluation(self._run.folders.path(dense["folder"]))
            if self._run.top_rung and evaluation is not None:
                dense = with_rung(dense, 0, evaluation, dense["folder"])
            records.update(dense=dense)
        if records.dense is not None:
            folder = self._run.folders.path(records.dense["folder"])
            self._queue.dense = Ready(folder, read_evaluation(folder) or {})
            self._ledger.know_dense(records.dense)
            return
        folder = self._run.folder / DENSE
        evaluation = read_evaluation(folder)
        if evaluation is not None:
            self._queue.dense = Ready(folder, evaluation)
            return
        submit_evaluation(self._run, self._cache, DENSE, Candidate(), folder)

    def fill(self, may_start: Callable[[], bool]) -> None:
        """Begin candidates while an evaluator is free and the budget allows."""
        while self._run.executor.capacity() > 0 and not self.is_exhausted and may_start():
            proposal = self._ledger.study.propose()
            if proposal is None:
                self.is_exhausted = True
                return
            self._ledger.foresee(proposal)
            if self._complete_from_cache(proposal):
                continue
            folder = self._run.folder / proposal.candidate.digest[:16]
            evaluation = read_evaluation(folder)
            if evaluation is not None:  # trained before an interruption, never timed
                self._queue.add(Ready(folder, evaluation, proposal))
                continue
            self._running[str(proposal.number)] = proposal
            submit_evaluation(
                self._run, self._cache, str(proposal.number), proposal.candidate, folder
            )

    def take(self, outcome: Outcome) -> None:
        """Pass on what an evaluator has ended.

        Raises:
            SearchError: it was the dense baseline, and that failed.
        """
        if outcome.task.id == DENSE:
            error = outcome.error if outcome.result is None else why_unusable(outcome.result)
            if outcome.result is None or error is not None:
                msg = f"the dense baseline cannot be evaluated: {error}"
                raise SearchError(msg)
            self._queue.dense = Ready(self._run.folder / DENSE, outcome.result)
            return
        proposal = self._running.pop(outcome.task.id)
        if outcome.result is None:
            self._ledger.fail(proposal, outcome.error or "the evaluator gave no reason")
            return
        flaw = why_unusable(outcome.result)
        if flaw is not None:
            self._ledger.fail(proposal, flaw, epochs_of(outcome.result))
            return
        folder = Path(outcome.task.payload["folder"])
        self._queue.add(Ready(folder, outcome.result, proposal))

    def _complete_from_cache(self, proposal: Proposal) -> bool:
        dense = self._run.records.dense
        if WARM in proposal.trial.user_attrs:
            return False  # its latency is measured anew
        found = None if dense is None else self._cache.find(proposal.candidate)
        if found is None or dense is None:
            return False
        record, search_id = found
        cached = search_id != self._run.records.search_id
        # The other search had its own baseline; what carries over is the speed-up.
        reference_ms = dense["latency_ms"]
        latency = {
            "latency_ms": reference_ms / record["speedup"],
            "dense_latency_ms": reference_ms,
        }
        self._ledger.complete(proposal, {**record, **latency, "cached": cached})
        return True


def submit_evaluation(
    run: Surroundings,
    cache: EvaluationCache,
    task_id: str,
    candidate: Candidate,
    folder: Path,
    rung: int = 0,
    repaired: str | None = None,
) -> None:
    """Have a candidate trained and built, or built alone where it was trained before."""
    payload: dict[str, Any] = {"candidate": candidate.to_json(), "folder": str(folder)}
    if rung:
        payload["rung"] = rung
    trained = cache.trained(candidate, rung)
    if trained is not None:
        run.executor.submit(Task(task_id, "rebuild", {**payload, "trained": str(trained)}))
        return
    if repaired is not None:
        payload["repaired"] = repaired
    run.executor.submit(Task(task_id, "evaluate", payload))
