"""Finished candidates on their way to dearer evaluations, and the dense net with them.

A rung's result depends on the candidate and the rung alone: every training begins at the repaired
net, never at a shorter training of the same candidate. It is then the result that a search of this
rung alone would have, so that caches can be shared, and the dense baseline beside it has had
exactly the same extra training. What is done twice is small, since rungs grow by a factor.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backend.config.rungs import REPAIRED
from backend.search.evaluation_cache import EvaluationCache
from backend.search.evaluations import submit_evaluation
from backend.search.executor import Outcome
from backend.search.ledger import Ledger, Promotion
from backend.search.promotion import RungPoint, next_promotion
from backend.search.records import SearchError
from backend.search.results import (
    epochs_of,
    read_evaluation,
    why_unusable,
    with_rung,
)
from backend.search.surroundings import DENSE, Surroundings
from backend.search.timing_queue import Ready, TimingQueue
from backend.sparsity.candidate import Candidate

_MARK = "@"  # between the number (or "dense") and the rung in a task's id


class Promotions:
    """Sends the best of each rung to the next one, and in the end the whole front to the last."""

    def __init__(
        self, run: Surroundings, ledger: Ledger, cache: EvaluationCache, queue: TimingQueue
    ) -> None:
        self._run = run
        self._ledger = ledger
        self._cache = cache
        self._queue = queue
        self._running: dict[str, Promotion] = {}
        self._dense_running: set[int] = set()

    def __len__(self) -> int:
        """Number of evaluations on their way, those of the dense net counted."""
        return len(self._running) + len(self._dense_running)

    def fill(self, may_start: Callable[[], bool]) -> None:
        """Begin promotions of the best while an evaluator is free and the budget allows."""
        while self._has_room() and may_start():
            chosen = self._next()
            if chosen is None:
                return
            self._begin(*chosen)

    def fill_front(self) -> bool:
        """Begin what the front still lacks at the last rung; whether anything is left to do.

        A front member may fall below others there, and those come in its place, so this is asked
        until nothing is left.
        """
        top = self._run.top_rung
        todo = [
            point.number
            for point in self._ledger.front()
            if self._ledger.rung_of(point.number) < top
        ]
        for number in todo:
            if self._has_room() and number not in self._begun(top):
                self._begin(number, top)
        dense = self._run.records.dense or {}
        if top and str(top) not in dense.get("rungs", {}):
            self._begin_dense(top)
            return True
        return bool(todo) or len(self) > 0

    def has_next(self) -> bool:
        """Whether a candidate deserves the next rung now."""
        return self._next() is not None

    def take(self, outcome: Outcome) -> bool:
        """Pass on what an evaluator has ended; False where it was none of these.

        Raises:
            SearchError: it was the dense baseline, and that failed.
        """
        name, mark, rung = outcome.task.id.partition(_MARK)
        if not mark:
            return False
        folder = Path(outcome.task.payload["folder"])
        error = outcome.error if outcome.result is None else why_unusable(outcome.result)
        if name == DENSE:
            self._dense_running.discard(int(rung))
            if outcome.result is None or error is not None:
                msg = f"the dense baseline cannot be evaluated: {error}"
                raise SearchError(msg)
            self._know_dense(int(rung), folder)
            return True
        promotion = self._running.pop(outcome.task.id)
        if outcome.result is None or error is not None:
            epochs = epochs_of(outcome.result or {})
            self._ledger.fail_promotion(promotion, error or "the evaluator gave no reason", epochs)
            return True
        self._queue.add(Ready(folder, outcome.result, promotion=promotion))
        return True

    def _has_room(self) -> bool:
        return self._run.executor.capacity() > 0

    def _next(self) -> tuple[int, int] | None:
        top = self._run.top_rung
        if not top or self._run.records.dense is None:
            return None
        rungs = [self._points(rung) for rung in range(top)]
        begun = {rung: self._begun(rung) for rung in range(1, top + 1)}
        return next_promotion(rungs, begun, self._run.config.training.promote_one_of)

    def _points(self, rung: int) -> list[RungPoint]:
        return [
            RungPoint(
                number, record["loss"], record["latency_ms"], self._ledger.violation(number, record)
            )
            for number, record in self._ledger.results(rung).items()
        ]

    def _begun(self, rung: int) -> set[int]:
        """Trials that a rung has, had, or that went past it in one step to the last."""
        later = {number for number in self._ledger.finished if self._ledger.rung_of(number) > rung}
        moving = {
            it.number
            for it in (*self._running.values(), *self._queue.promotions)
            if it.rung >= rung
        }
        return {*self._ledger.tried(rung), *later, *moving}

    def _begin(self, number: int, rung: int) -> None:
        self._begin_dense(rung)
        promotion = Promotion(number, rung, self._ledger.candidate(number))
        if self._complete_from_cache(promotion):
            return
        digest = promotion.candidate.digest[:16]
        folder = self._run.folder / f"{digest}-r{rung}"
        evaluation = read_evaluation(folder)
        if evaluation is not None:  # evaluated before an interruption, never timed
            self._queue.add(Ready(folder, evaluation, promotion=promotion))
            return
        task_id = f"{number}{_MARK}{rung}"
        self._running[task_id] = promotion
        submit_evaluation(
            self._run,
            self._cache,
            task_id,
            promotion.candidate,
            folder,
            rung,
            self._repaired(number),
        )

    def _repaired(self, number: int) -> str | None:
        """Folder of the candidate's repaired net, where one rung is that."""
        fidelities = self._run.config.training.fidelities
        if REPAIRED not in fidelities:
            return None
        record = self._ledger.results(fidelities.index(REPAIRED)).get(number)
        return None if record is None else str(self._run.folders.path(record["folder"]))

    def _complete_from_cache(self, promotion: Promotion) -> bool:
        dense = self._run.records.dense
        found = self._cache.find(promotion.candidate, promotion.rung)
        if found is None or dense is None:
            return False
        record, search_id = found
        reference_ms = dense["latency_ms"]
        latency = {
            "latency_ms": reference_ms / record["speedup"],
            "dense_latency_ms": reference_ms,
        }
        cached = search_id != self._run.records.search_id
        self._ledger.promote(promotion, {**record, **latency, "cached": cached})
        return True

    def _begin_dense(self, rung: int) -> None:
        dense = self._run.records.dense or {}
        if str(rung) in dense.get("rungs", {}) or rung in self._dense_running:
            return
        found = self._cache.find(Candidate(), rung)
        folder = self._run.folder / f"{DENSE}-r{rung}"
        if found is not None:
            folder = self._run.folders.path(found[0]["folder"])
        if read_evaluation(folder) is not None:
            self._know_dense(rung, folder, is_cached=found is not None)
            return
        self._dense_running.add(rung)
        task_id = f"{DENSE}{_MARK}{rung}"
        submit_evaluation(self._run, self._cache, task_id, Candidate(), folder, rung)

    def _know_dense(self, rung: int, folder: Path, *, is_cached: bool = False) -> None:
        evaluation = read_evaluation(folder)
        if evaluation is None:
            msg = f"the files of the dense baseline are missing under {folder.name}"
            raise SearchError(msg)
        self._run.context.check()
        folders = self._run.folders
        place = folders.name(folder) if is_cached else folders.keep(folder)
        if not is_cached:
            self._cache.keep(Candidate(), {"folder": place}, place, rung)
        dense = with_rung(
            self._run.records.dense or {}, rung, evaluation, place, is_cached=is_cached
        )
        self._run.records.update(dense=dense)
