"""Candidates that are trained and built and wait to be timed; how they are timed together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend.devices.turn import DeviceTurn
from backend.jobs.errors import CancelledError, FencedError
from backend.search.evaluation_cache import EvaluationCache
from backend.search.ledger import Ledger, Promotion
from backend.search.records import SearchError
from backend.search.results import (
    PACKAGE_FOLDER,
    TOLERANCE,
    dense_record,
    epochs_of,
    package_memory,
    trial_record,
    with_rung,
    write_timing,
)
from backend.search.study import Proposal
from backend.search.surroundings import Surroundings
from backend.search.timing import Check, Timing, check_package, time_packages
from backend.sparsity.candidate import Candidate

BATCH = 2  # candidates to wait for before the trainers are stopped
LONGEST_WAIT_S = 15.0


@dataclass(frozen=True)
class Ready:
    """A candidate that waits to be timed; neither proposal nor promotion: the dense net."""

    folder: Path
    evaluation: Mapping[str, Any]
    proposal: Proposal | None = None
    promotion: Promotion | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def package(self) -> Path:
        """Folder of the built package."""
        return self.folder / PACKAGE_FOLDER

    @property
    def rung(self) -> int:
        """Of the evaluation."""
        return 0 if self.promotion is None else self.promotion.rung

    @property
    def candidate(self) -> Candidate:
        """What was evaluated."""
        whose = self.proposal or self.promotion
        return Candidate() if whose is None else whose.candidate


class TimingQueue:
    """Times the dense net first, then candidates in batches while the device is ours alone.

    Attributes:
        dense: the baseline once it is trained and built.
    """

    def __init__(self, run: Surroundings, ledger: Ledger, cache: EvaluationCache) -> None:
        self._run = run
        self._ledger = ledger
        self._cache = cache
        self._turn = DeviceTurn(run.device.name, run.context.settings)
        self._ready: list[Ready] = []
        self.dense: Ready | None = None

    def __len__(self) -> int:
        """Number of candidates that wait, the dense net not counted."""
        return len(self._ready)

    @property
    def step(self) -> str:
        """What timing is called where progress is shown."""
        name = self._run.device.name
        return "timing, trainers stopped" if self._turn.stops_trainers else f"timing on {name}"

    @property
    def promotions(self) -> tuple[Promotion, ...]:
        """Those that wait and were evaluated before."""
        return tuple(item.promotion for item in self._ready if item.promotion is not None)

    def add(self, ready: Ready) -> None:
        """Let a candidate wait."""
        self._ready.append(ready)

    def is_due(self, *, is_training: bool) -> bool:
        """Whether to time now; while others train, a batch is waited for."""
        if self.dense is None:
            return False
        if not self._ready:
            return self._run.records.dense is None
        waited_s = time.monotonic() - self._ready[0].since
        return len(self._ready) >= BATCH or not is_training or waited_s > LONGEST_WAIT_S

    def time_all(self) -> None:
        """Time whatever waits, and store each result."""
        assert self.dense is not None
        ready, self._ready = self._ready, []
        if self._run.records.dense is None:
            ready = [self.dense, *ready]
        with self._turn:
            measured = self._measure(self.dense.package, ready)
        for item, result in zip(ready, measured, strict=True):
            self._store(item, result)

    def _measure(
        self, dense: Path, ready: Sequence[Ready]
    ) -> list[tuple[Timing, Check] | Exception]:
        """Time all at once; when that fails, one by one to find the one that is to blame."""
        try:
            packages = [item.package for item in ready]
            timings = time_packages(self._run.device.agent, dense, packages)
            return [
                (timing, self._check(item)) for item, timing in zip(ready, timings, strict=True)
            ]
        except (CancelledError, FencedError):
            raise
        except Exception as error:  # a crash of generated code is that trial's result
            if len(ready) == 1:
                return [error]
        return [self._measure(dense, [item])[0] for item in ready]

    def _check(self, item: Ready) -> Check:
        inputs = np.load(item.folder / "check_inputs.npy")
        outputs = np.load(item.folder / "check_outputs.npy")
        return check_package(self._run.device.agent, item.package, inputs, outputs)

    def _store(self, item: Ready, result: tuple[Timing, Check] | Exception) -> None:
        if isinstance(result, Exception):
            if item.proposal is None and item.promotion is None:
                msg = f"the dense baseline cannot be measured: {result}"
                raise SearchError(msg) from result
            self._fail(item, f"it cannot be measured: {result}")
            return
        timing, check = result
        memory = {"memory_bytes": package_memory(item.folder)}
        write_timing(item.folder, timing, check)
        folder = self._run.folders.keep(item.folder)
        if item.proposal is None and item.promotion is None:
            dense = dense_record(item.evaluation, timing, check, folder)
            dense = {**dense, **memory, "peak": self._run.device.peak(self._run.context.settings)}
            self._cache.keep(Candidate(), dense, folder)
            if self._run.top_rung:
                dense = with_rung(dense, 0, item.evaluation, folder)
            self._run.records.update(dense=dense)
            self._ledger.know_dense(dense)
            return
        if check.max_relative_error > TOLERANCE:
            by = f"{check.max_relative_error:.1e} (relative)"
            self._fail(item, f"its outputs differ from torch by {by}")
            return
        assert self._run.records.dense is not None  # it stands first in the first batch
        reference_ms = self._run.records.dense["latency_ms"]
        record = trial_record(item.evaluation, timing, check, folder, reference_ms) | memory
        self._cache.keep(item.candidate, record, folder, item.rung)
        if item.promotion is not None:
            self._ledger.promote(item.promotion, {**record, "cached": False})
        elif item.proposal is not None:
            self._ledger.complete(item.proposal, {**record, "cached": False})

    def _fail(self, item: Ready, error: str) -> None:
        epochs = epochs_of(item.evaluation)
        if item.promotion is not None:
            self._ledger.fail_promotion(item.promotion, error, epochs)
        elif item.proposal is not None:
            self._ledger.fail(item.proposal, error, epochs)
