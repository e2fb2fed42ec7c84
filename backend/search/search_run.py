"""The loop of a search: propose, evaluate in other processes, time here, store, repeat."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import TrialState

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError, FencedError
from backend.search.evaluation_key import evaluation_key
from backend.search.executor import Executor, Outcome, Task
from backend.search.front import FrontPoint, Limits, pareto_front
from backend.search.preparation import Prepared
from backend.search.records import SearchError, SearchRecords
from backend.search.results import (
    PACKAGE_FOLDER,
    TOLERANCE,
    dense_record,
    read_evaluation,
    relative_folder,
    trial_record,
    write_timing,
)
from backend.search.samplers import make_sampler
from backend.search.search_device import SearchDevice
from backend.search.study import Proposal, SearchStudy, open_storage
from backend.search.timing import Check, Timing, check_package, time_packages
from backend.search.trainers import TrainerGate
from backend.sparsity.candidate import Candidate

POLL_S = 0.25
BATCH = 2  # candidates to wait for before the trainers are stopped
LONGEST_WAIT_S = 15.0
FAILURES_IN_A_ROW = 5
DENSE = "dense"


@dataclass(frozen=True)
class _Ready:
    """A candidate that is trained and built and waits to be timed; no proposal: the dense net."""

    folder: Path
    evaluation: Mapping[str, Any]
    proposal: Proposal | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def package(self) -> Path:
        return self.folder / PACKAGE_FOLDER


class SearchRun:
    """One run of one search; every result is stored before the next thing happens."""

    def __init__(
        self,
        context: JobContext,
        records: SearchRecords,
        prepared: Prepared,
        device: SearchDevice,
        executor: Executor,
        gate: TrainerGate,
        folder: Path,
    ) -> None:
        self._context = context
        self._records = records
        self._prepared = prepared
        self._config = prepared.config
        self._device = device
        self._executor = executor
        self._gate = gate
        self._folder = folder
        self._limits = Limits(**prepared.config.constraints.model_dump())
        self._running: dict[str, Proposal] = {}
        self._ready: list[_Ready] = []
        self._dense: _Ready | None = None
        self._exhausted = False
        self._failures = 0
        self._finished: dict[int, Mapping[str, Any]] = {}
        self._study = SearchStudy(
            open_storage(context.database.url),
            records.study_name,
            prepared.space,
            make_sampler(self._config.sampler, self._config.seed, prepared.problem),
            self._config.seed,
        )

    def run(self) -> Mapping[str, Any]:
        """Go on until the budget is spent or nothing new is left, then score the front."""
        self._study.recover()
        self._finished = {
            trial.number: trial.user_attrs
            for trial in self._study.trials()
            if trial.state == TrialState.COMPLETE
        }
        self._begin_dense()
        while not self._is_done():
            self._context.check()
            self._fill()
            for outcome in self._executor.poll(POLL_S):
                self._take(outcome)
            if self._is_timing_due():
                self._time_ready()
            self._report()
        self._score()
        front = self._store_progress()
        return {"search_id": self._records.search_id, "front": front}

    # Proposing and evaluating

    def _begin_dense(self) -> None:
        found = self._cached(Candidate()) if self._records.dense is None else None
        if found is not None:
            self._records.update(dense=found[0])
        if self._records.dense is not None:
            folder = self._context.settings.home / self._records.dense["folder"]
            self._dense = _Ready(folder, read_evaluation(folder) or {})
            self._know_dense(self._records.dense)
            return
        folder = self._folder / DENSE
        evaluation = read_evaluation(folder)
        if evaluation is not None:
            self._dense = _Ready(folder, evaluation)
            return
        payload = {"candidate": Candidate().to_json(), "folder": str(folder)}
        self._executor.submit(Task(DENSE, "evaluate", payload))

    def _fill(self) -> None:
        while self._executor.capacity() > 0 and self._may_start():
            proposal = self._study.propose()
            if proposal is None:
                self._exhausted = True
                return
            if self._complete_from_cache(proposal):
                continue
            folder = self._folder / proposal.candidate.digest[:16]
            evaluation = read_evaluation(folder)
            if evaluation is not None:  # trained before an interruption, never timed
                self._ready.append(_Ready(folder, evaluation, proposal))
                continue
            payload = {"candidate": proposal.candidate.to_json(), "folder": str(folder)}
            self._running[str(proposal.number)] = proposal
            self._executor.submit(Task(str(proposal.number), "evaluate", payload))

    def _may_start(self) -> bool:
        if self._exhausted or self._is_out_of_time():
            return False
        trials = self._config.budget.trials
        begun = len(self._finished) + len(self._running) + len(self._ready)
        return trials is None or begun < trials

    def _is_out_of_time(self) -> bool:
        minutes = self._config.budget.minutes
        return minutes is not None and self._records.elapsed_s >= minutes * 60

    def _is_done(self) -> bool:
        waits = bool(self._running or self._ready) or self._records.dense is None
        return not waits and not self._may_start()

    def _take(self, outcome: Outcome) -> None:
        if outcome.task.id == DENSE:
            if outcome.result is None:
                msg = f"the dense baseline cannot be evaluated: {outcome.error}"
                raise SearchError(msg)
            self._dense = _Ready(self._folder / DENSE, outcome.result)
            return
        proposal = self._running.pop(outcome.task.id)
        if outcome.result is None:
            self._fail(proposal, outcome.error or "the evaluator gave no reason")
            return
        folder = Path(outcome.task.payload["folder"])
        self._ready.append(_Ready(folder, outcome.result, proposal))

    def _fail(self, proposal: Proposal, error: str) -> None:
        self._context.check()
        self._study.fail(proposal, error)
        self._context.event("trial_failed", error, number=proposal.number)
        self._records.update()
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            msg = f"{self._failures} trials failed in a row, the last one because: {error}"
            raise SearchError(msg)

    def _complete_from_cache(self, proposal: Proposal) -> bool:
        found = None if self._records.dense is None else self._cached(proposal.candidate)
        if found is None or self._records.dense is None:
            return False
        record, search_id = found
        cached = search_id != self._records.search_id
        # The other search had its own baseline; what carries over is the speed-up.
        reference_ms = self._records.dense["latency_ms"]
        latency = {
            "latency_ms": reference_ms / record["speedup"],
            "dense_latency_ms": reference_ms,
        }
        self._complete(proposal, {**record, **latency, "cached": cached})
        return True

    def _cached(self, candidate: Candidate) -> tuple[dict[str, Any], str | None] | None:
        if not self._config.reuse:
            return None
        found = self._records.cached(self._key(candidate))
        if found is None:
            return None
        record, folder, search_id = found
        if read_evaluation(self._context.settings.home / folder) is None:
            return None  # its files were removed
        return record, search_id

    def _key(self, candidate: Candidate) -> str:
        digests = self._prepared.digests
        return evaluation_key(
            {
                "graph": digests["model"],
                "data": digests["data"],
                "candidate": candidate.to_json(),
                "training": self._config.training.model_dump(mode="json"),
                "seed": self._config.seed,
                "device": self._device.identity,
                "target": self._device.target,
            }
        )

    # Timing

    def _is_timing_due(self) -> bool:
        if self._dense is None:
            return False
        if not self._ready:
            return self._records.dense is None
        waited_s = time.monotonic() - self._ready[0].since
        return len(self._ready) >= BATCH or not self._running or waited_s > LONGEST_WAIT_S

    def _time_ready(self) -> None:
        assert self._dense is not None
        ready, self._ready = self._ready, []
        self._report("timing")
        if self._records.dense is None:
            ready = [self._dense, *ready]
        with self._gate.closed():
            measured = self._measure(self._dense.package, ready)
        for item, result in zip(ready, measured, strict=True):
            self._store(item, result)

    def _measure(
        self, dense: Path, ready: Sequence[_Ready]
    ) -> list[tuple[Timing, Check] | Exception]:
        """Time all at once; when that fails, one by one to find the one that is to blame."""
        try:
            packages = [item.package for item in ready]
            timings = time_packages(self._device.agent, dense, packages)
            return [
                (timing, self._check(item)) for item, timing in zip(ready, timings, strict=True)
            ]
        except (CancelledError, FencedError):
            raise
        except Exception as error:  # a crash of generated code is that trial's result
            if len(ready) == 1:
                return [error]
        return [self._measure(dense, [item])[0] for item in ready]

    def _check(self, item: _Ready) -> Check:
        inputs = np.load(item.folder / "check_inputs.npy")
        outputs = np.load(item.folder / "check_outputs.npy")
        return check_package(self._device.agent, item.package, inputs, outputs)

    def _store(self, item: _Ready, result: tuple[Timing, Check] | Exception) -> None:
        if isinstance(result, Exception):
            if item.proposal is None:
                msg = f"the dense baseline cannot be measured: {result}"
                raise SearchError(msg) from result
            self._fail(item.proposal, f"it cannot be measured: {result}")
            return
        timing, check = result
        folder = relative_folder(item.folder, self._context.settings.home)
        write_timing(item.folder, timing, check)
        if item.proposal is None:
            dense = dense_record(item.evaluation, timing, check, folder)
            dense = {**dense, "peak": self._device.peak(self._context.settings)}
            self._records.store(self._key(Candidate()), {}, dense, folder)
            self._records.update(dense=dense)
            self._know_dense(dense)
            return
        if check.max_relative_error > TOLERANCE:
            error = f"its outputs differ from torch by {check.max_relative_error:.1e} (relative)"
            self._fail(item.proposal, error)
            return
        assert self._records.dense is not None  # it stands first in the first batch
        reference_ms = self._records.dense["latency_ms"]
        record = trial_record(item.evaluation, timing, check, folder, reference_ms)
        candidate = item.proposal.candidate
        self._records.store(self._key(candidate), json.loads(candidate.to_json()), record, folder)
        self._complete(item.proposal, {**record, "cached": False})

    def _complete(self, proposal: Proposal, record: Mapping[str, Any]) -> None:
        self._context.check()
        point = _point(proposal.number, record)
        self._study.complete(
            proposal,
            point.accuracy,
            point.latency_ms,
            record,
            self._limits.violations(point),
        )
        self._failures = 0
        self._finished[proposal.number] = record
        self._store_progress()
        self._context.milestone()

    # What is known so far

    def _know_dense(self, dense: Mapping[str, Any]) -> None:
        problem = replace(
            self._prepared.problem,
            dense_accuracy=dense["accuracy"],
            dense_latency_ms=dense["latency_ms"],
            dense_layer_ms=dense["layer_ms"],
        )
        self._study.use_sampler(make_sampler(self._config.sampler, self._config.seed, problem))

    def _front(self) -> list[FrontPoint]:
        points = (_point(number, record) for number, record in self._finished.items())
        return pareto_front(points, self._limits)

    def _store_progress(self) -> list[str]:
        ids = [f"{self._records.search_id}-{point.number}" for point in self._front()]
        finished = self._finished.values()
        changes: dict[str, Any] = {
            "finished_trials": len(finished),
            "best_speedup": max((record["speedup"] for record in finished), default=None),
            "front": ids,
        }
        self._records.update(**changes)
        return ids

    def _report(self, step: str = "") -> None:
        done, total = len(self._finished), self._config.budget.trials or 0
        training = len(self._running) + int(self._dense is None)
        parts = [f"{training} in training"] if training else []
        if step:
            parts = ["timing, trainers stopped"]
        elif self._ready:
            parts.append(f"{len(self._ready)} waiting to be timed")
        self._context.progress("searching", done, total, ", ".join(parts))

    # The end

    def _score(self) -> None:
        """Score front members and the dense net on the test images, each once."""
        if not self._config.training.test_images or not len(self._prepared.data.test_labels):
            return
        known = self._study.annotations("test")
        home = self._context.settings.home
        todo = {
            str(point.number): home / self._finished[point.number]["folder"]
            for point in self._front()
            if point.number not in known
        }
        if self._records.dense is not None and "test_accuracy" not in self._records.dense:
            todo[DENSE] = home / self._records.dense["folder"]
        for name, folder in todo.items():
            self._executor.submit(Task(name, "score", {"folder": str(folder)}))
        left = len(todo)
        while left:
            self._context.check()
            self._context.progress(
                "scoring", len(todo) - left, len(todo), "test images, front members only"
            )
            for outcome in self._executor.poll(POLL_S):
                left -= 1
                self._keep_score(outcome)

    def _keep_score(self, outcome: Outcome) -> None:
        if outcome.result is None:
            self._context.event("score_failed", outcome.error or "", trial=outcome.task.id)
            return
        self._context.check()
        if outcome.task.id == DENSE:
            dense = {**(self._records.dense or {}), "test_accuracy": outcome.result["accuracy"]}
            self._records.update(dense=dense)
        else:
            self._study.annotate(int(outcome.task.id), "test", dict(outcome.result))


def _point(number: int, record: Mapping[str, Any]) -> FrontPoint:
    return FrontPoint(number, record["accuracy"], record["latency_ms"], record["size_bytes"])
