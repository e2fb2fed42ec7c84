"""What a search knows: its study, its finished trials, its baseline and its front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optuna.trial import TrialState

from backend.latency.learner import MeasuredNet
from backend.search.front import FrontPoint, pareto_front
from backend.search.records import SearchError
from backend.search.results import why_unusable
from backend.search.samplers import make_sampler
from backend.search.study import Proposal, SearchStudy, open_storage
from backend.search.surroundings import Surroundings

FAILURES_IN_A_ROW = 5


class Ledger:
    """Every result goes through here, and is stored before the next thing happens.

    Attributes:
        finished: record of each complete trial by its number.
    """

    def __init__(self, run: Surroundings) -> None:
        self._run = run
        self._problem = run.prepared.problem
        self._limits = self._problem.limits
        self._failures = 0
        self._is_begun = False
        self.study = SearchStudy(
            open_storage(run.context.database.url),
            run.records.study_name,
            run.prepared.space,
            make_sampler(run.config.sampler, run.config.seed, self._problem),
            run.config.seed,
        )
        self.study.recover()
        self.finished: dict[int, Mapping[str, Any]] = {
            trial.number: trial.user_attrs
            for trial in self.study.trials()
            if trial.state == TrialState.COMPLETE
        }
        self._epochs_of_failed = sum(
            int(trial.user_attrs.get("epochs", 0))
            for trial in self.study.trials()
            if trial.state == TrialState.FAIL
        )

    @property
    def epochs_spent(self) -> int:
        """Epochs that this search has trained: finished and failed trials and the baseline."""
        dense = self._run.records.dense or {}
        return self._epochs_of_failed + sum(
            int(record.get("epochs", 0))
            for record in (*self.finished.values(), dense)
            if not record.get("cached")
        )

    def know_dense(self, dense: Mapping[str, Any]) -> None:
        """Let the sampler know the measured baseline."""
        latency = self._problem.latency
        if latency is not None:
            latency = latency.began(dense["latency_ms"], dense["layer_ms"])
            self.study.note("latency", latency.told())
        self._is_begun = True
        self.know(
            latency=latency,
            dense_accuracy=dense["accuracy"],
            dense_latency_ms=dense["latency_ms"],
            dense_layer_ms=dense["layer_ms"],
            dense_cross_entropy=dense.get("cross_entropy", dense.get("loss")),
        )

    def know(self, **facts: Any) -> None:  # noqa: ANN401 - fields of a Problem
        """Let the sampler know something that was not known when the search was prepared."""
        self._problem = replace(self._problem, **facts)
        config = self._run.config
        self.study.use_sampler(make_sampler(config.sampler, config.seed, self._problem))

    def foresee(self, proposal: Proposal) -> None:
        """Store what a candidate's latency is expected to be, before it is measured.

        From the table and every measurement so far; nothing before the baseline is known.
        """
        if self._problem.latency is None or not self._is_begun:
            return
        model = self._problem.latency.after(self._seen())
        labels = self._run.prepared.space.params(proposal.candidate)
        proposal.trial.set_user_attr("predicted_ms", round(model.predict_ms(labels), 6))

    def _seen(self) -> list[MeasuredNet]:
        layers = self._run.prepared.space.layers
        return [
            MeasuredNet(
                {name: str(trial.params[name]) for name in layers},
                trial.user_attrs["latency_ms"],
                trial.user_attrs.get("layer_ms") or {},
            )
            for trial in self.study.trials()
            if trial.state == TrialState.COMPLETE
        ]

    def complete(self, proposal: Proposal, record: Mapping[str, Any]) -> None:
        """Store a finished trial; one whose objectives are no numbers fails."""
        self._run.context.check()
        flaw = why_unusable(record)
        if flaw is not None:
            self.fail(proposal, flaw, int(record.get("epochs", 0)))
            return
        point = _point(proposal.number, record)
        self.study.complete(
            proposal,
            point.accuracy,
            point.latency_ms,
            record,
            self._limits.violations(point),
        )
        self._failures = 0
        self.finished[proposal.number] = record
        self.store_progress()
        self._run.context.milestone()

    def fail(self, proposal: Proposal, error: str, epochs: int = 0) -> None:
        """Store why a trial has no result, and the epochs it was trained nevertheless.

        Raises:
            SearchError: too many failed one after another.
        """
        self._run.context.check()
        if epochs:
            proposal.trial.set_user_attr("epochs", epochs)
            self._epochs_of_failed += epochs
        self.study.fail(proposal, error)
        self._run.context.event("trial_failed", error, number=proposal.number)
        self._run.records.update()
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            msg = f"{self._failures} trials failed in a row, the last one because: {error}"
            raise SearchError(msg)

    def front(self) -> list[FrontPoint]:
        """The front of the finished trials that keep all limits, fastest first."""
        points = (_point(number, record) for number, record in self.finished.items())
        return pareto_front(points, self._limits)

    def store_progress(self) -> list[str]:
        """Write what the page shows of the whole search; the trial ids of its front."""
        search_id = self._run.records.search_id
        ids = [f"{search_id}-{point.number}" for point in self.front()]
        finished = self.finished.values()
        changes: dict[str, Any] = {
            "finished_trials": len(finished),
            "best_speedup": max((record["speedup"] for record in finished), default=None),
            "front": ids,
            "epochs_spent": self.epochs_spent,
        }
        self._run.records.update(**changes)
        return ids


def _point(number: int, record: Mapping[str, Any]) -> FrontPoint:
    return FrontPoint(
        number,
        record["accuracy"],
        record["latency_ms"],
        record["size_bytes"],
        record.get("memory_bytes") or 0,
    )
