"""The end of a search: front members and the dense net meet the test images, each once."""

from __future__ import annotations

from backend.search.executor import Outcome, Task
from backend.search.ledger import Ledger
from backend.search.surroundings import DENSE, POLL_S, Surroundings


class FinalScores:
    """Scores what has no test score yet; a second run of a search scores nothing twice."""

    def __init__(self, run: Surroundings, ledger: Ledger) -> None:
        self._run = run
        self._ledger = ledger

    def run(self) -> None:
        """Score the front and the dense net; does nothing where there are no test images."""
        prepared = self._run.prepared
        if not self._run.config.training.test_images or not len(prepared.data.test_labels):
            return
        known = self._ledger.study.annotations("test")
        todo = {
            str(point.number): self._run.folders.path(self._ledger.best(point.number)["folder"])
            for point in self._ledger.front()
            if point.number not in known
        }
        dense = self._run.records.dense
        if dense is not None and "test_accuracy" not in dense:
            todo[DENSE] = self._run.folders.path(dense.get("scored_folder", dense["folder"]))
        for name, folder in todo.items():
            self._run.executor.submit(Task(name, "score", {"folder": str(folder)}))
        left = len(todo)
        while left:
            self._run.context.check()
            self._run.context.progress(
                "scoring", len(todo) - left, len(todo), "test images, front members only"
            )
            for outcome in self._run.executor.poll(POLL_S):
                left -= 1
                self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        context = self._run.context
        if outcome.result is None:
            context.event("score_failed", outcome.error or "", trial=outcome.task.id)
            return
        context.check()
        if outcome.task.id == DENSE:
            dense = self._run.records.dense or {}
            accuracy = outcome.result["accuracy"]
            self._run.records.update(dense={**dense, "test_accuracy": accuracy})
        else:
            self._ledger.study.annotate(int(outcome.task.id), "test", dict(outcome.result))
