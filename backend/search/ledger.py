"""What a search knows: its study, its finished trials, its baseline and its front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from optuna.trial import TrialState

from backend.jobs.clock import now_s
from backend.latency.measured import MeasuredNet
from backend.search.front import FrontPoint, pareto_front
from backend.search.reachability import refuse_after_baseline
from backend.search.records import SearchError
from backend.search.results import why_unusable
from backend.search.samplers import make_sampler
from backend.search.study import Proposal, SearchStudy, open_storage
from backend.search.surroundings import Surroundings
from backend.sparsity.candidate import Candidate

FAILURES_IN_A_ROW = 5


@dataclass(frozen=True)
class Promotion:
    """A finished candidate on its way to a dearer evaluation."""

    number: int
    rung: int
    candidate: Candidate


class Ledger:
    """Every result goes through here, and is stored before the next thing happens.

    Attributes:
        finished: record of each complete trial by its number, at the first rung: what the sampler
            is told, so that it compares like with like.
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
        self._promoted = {
            rung: self.study.annotations(_key(rung)) for rung in range(1, run.top_rung + 1)
        }
        self._reached: dict[int, int] = {}
        self._fallen: set[int] = set()  # failed at a rung
        for rung, found in self._promoted.items():
            for number, record in found.items():
                self._note(number, rung, record)
        self._epochs_of_failed = sum(
            int(trial.user_attrs.get("epochs", 0))
            for trial in self.study.trials()
            if trial.state == TrialState.FAIL
        )

    @property
    def epochs_spent(self) -> int:
        """Epochs that this search has trained: finished and failed trials and the baseline."""
        dense = self._run.records.dense or {}
        later = [record for found in self._promoted.values() for record in found.values()]
        later += [found for rung, found in dense.get("rungs", {}).items() if rung != "0"]
        return self._epochs_of_failed + sum(
            int(record.get("epochs", 0))
            for record in (*self.finished.values(), *later, dense)
            if not record.get("cached")
        )

    def know_dense(self, dense: Mapping[str, Any]) -> None:
        """Let the sampler know the measured baseline.

        Raises:
            SearchError: it shows that a limit is out of reach.
        """
        latency = self._problem.latency
        if latency is not None:
            latency = latency.began(dense["latency_ms"], dense["layer_ms"])
            self.study.note("latency", latency.told())
        self._is_begun = True
        first = dense.get("rungs", {}).get("0", dense)  # as the trials' values
        self.know(
            latency=latency,
            dense_accuracy=first["accuracy"],
            dense_latency_ms=dense["latency_ms"],
            dense_layer_ms=dense["layer_ms"],
            dense_cross_entropy=first.get("cross_entropy", first.get("loss")),
        )
        if not self.finished:
            refuse_after_baseline(self._problem, dense, self._run.config.training)

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

    def promote(self, promotion: Promotion, record: Mapping[str, Any]) -> None:
        """Store what a finished candidate is at a dearer rung; its trial stays as it is."""
        self._run.context.check()
        flaw = why_unusable(record)
        if flaw is not None:
            self.fail_promotion(promotion, flaw, int(record.get("epochs", 0)))
            return
        self._annotate(promotion, dict(record))
        self._failures = 0
        self.store_progress()
        self._run.context.milestone()

    def fail_promotion(self, promotion: Promotion, error: str, epochs: int = 0) -> None:
        """Store why a candidate has no result at a dearer rung; it leaves the front.

        Raises:
            SearchError: too many failed one after another.
        """
        self._run.context.check()
        self._annotate(promotion, {"error": error, "epochs": epochs})
        self._run.context.event(
            "promotion_failed", error, number=promotion.number, rung=promotion.rung
        )
        self.store_progress()
        self._count_failure(error)

    def _annotate(self, promotion: Promotion, record: dict[str, Any]) -> None:
        self.study.annotate(promotion.number, _key(promotion.rung), {**record, "ended_at": now_s()})
        self._promoted[promotion.rung][promotion.number] = record
        self._note(promotion.number, promotion.rung, record)

    def _note(self, number: int, rung: int, record: Mapping[str, Any]) -> None:
        if "error" in record:
            self._fallen.add(number)
        else:
            self._reached[number] = max(rung, self._reached.get(number, 0))

    def results(self, rung: int) -> Mapping[int, Mapping[str, Any]]:
        """Records of the candidates that were evaluated at a rung, by number."""
        if rung == 0:
            return self.finished
        found = self._promoted.get(rung, {})
        return {number: record for number, record in found.items() if "error" not in record}

    def tried(self, rung: int) -> set[int]:
        """Candidates that were evaluated at a rung above the first, or failed there."""
        return set(self._promoted.get(rung, ()))

    def rung_of(self, number: int) -> int:
        """The highest rung that a finished candidate was evaluated at."""
        return self._reached.get(number, 0)

    def best(self, number: int) -> Mapping[str, Any]:
        """A finished candidate's record at its highest rung."""
        rung = self.rung_of(number)
        return self._promoted[rung][number] if rung else self.finished[number]

    def candidate(self, number: int) -> Candidate:
        """The candidate of a trial."""
        trial = next(trial for trial in self.study.trials() if trial.number == number)
        return self._run.prepared.space.candidate(trial.params)

    def violation(self, number: int, record: Mapping[str, Any]) -> float:
        """By how many times a candidate is over the limits that no training changes; 0: within."""
        structural = replace(self._limits, accuracy=None)
        over = structural.violations(_point(number, record))
        shares = (max(0.0, by) / float(getattr(structural, name)) for name, by in over.items())
        return float(sum(shares))

    def at_rungs(self) -> list[int]:
        """How many candidates stand at each rung as their highest."""
        counts = Counter(self.rung_of(number) for number in self.finished)
        return [counts[rung] for rung in range(self._run.top_rung + 1)]

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
        self._count_failure(error)

    def _count_failure(self, error: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            msg = f"{self._failures} trials failed in a row, the last one because: {error}"
            raise SearchError(msg)

    def front(self) -> list[FrontPoint]:
        """The front of the finished trials that keep all limits, fastest first.

        Each stands there with its dearest evaluation; one that failed at a rung does not.
        """
        standing = self.finished.keys() - self._fallen
        points = (_point(number, self.best(number)) for number in sorted(standing))
        return pareto_front(points, self._limits)

    def store_progress(self) -> list[str]:
        """Write what the page shows of the whole search; the trial ids of its front."""
        search_id = self._run.records.search_id
        ids = [f"{search_id}-{point.number}" for point in self.front()]
        finished = [self.best(number) for number in self.finished]
        changes: dict[str, Any] = {
            "finished_trials": len(finished),
            "best_speedup": max((record["speedup"] for record in finished), default=None),
            "front": ids,
            "epochs_spent": self.epochs_spent,
        }
        self._run.records.update(**changes)
        return ids


def _key(rung: int) -> str:
    """Under which annotations of a rung above the first stand."""
    return f"rung{rung}"


def _point(number: int, record: Mapping[str, Any]) -> FrontPoint:
    return FrontPoint(
        number,
        record["accuracy"],
        record["latency_ms"],
        record["size_bytes"],
        record.get("memory_bytes") or 0,
    )
