"""Measures whole candidates until every choice of every layer shape has run twice, and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from backend.latency.candidate_draw import CandidateDraw
from backend.latency.errors import LatencyError
from backend.latency.learner import DENSE
from backend.latency.measured_run import CHECK, FIT, MeasuredRun
from backend.latency.model import LatencyModel
from backend.latency.new_learner import table_model
from backend.latency.program_batch import TimedProgram
from backend.latency.signature import layer_signatures, net_digest
from backend.latency.step_owners import StepOwners
from backend.latency.table import LatencyTable, TableNet
from backend.search.space import Space
from backend.sparsity.candidate import Candidate
from codegen.errors import PunchcardError
from codegen.ir.graph import Graph

BATCH = 8
LEAST_PROGRAMS = 60
"""Fewer tell too little about neighbours, however few choices there are."""
TAKES = 3
"""Times a batch is taken at most; the one whose dense net ran nearest to the table's counts."""
LARGEST_DRIFT = 0.15
"""Deviation of a batch's dense median from the table's, above which it is taken again."""
FAILURES_IN_A_ROW = 8


class Bench(Protocol):
    """Builds and times programs; see `ProgramBench`."""

    compiler_id: str

    def built(self, candidate: Candidate, name: str) -> Path:
        """Compile a candidate."""

    def timed(self, packages: Sequence[Path]) -> tuple[TimedProgram, list[TimedProgram]]:
        """The dense net, and these programs in turns with it."""


class TableBuilder:
    """Extends one table batch by batch; every batch is stored before the next begins.

    Args:
        graph: the dense net.
        space: menus.
        bench: builds and times.
        table: so far; perhaps without any run.
        model_name: of the net, for people.
        store: keeps the table after each batch.
        on_progress: told the share that is done, and what is being done.
        check: called between programs; raises to cancel.
    """

    def __init__(
        self,
        graph: Graph,
        space: Space,
        bench: Bench,
        table: LatencyTable,
        *,
        model_name: str,
        store: Callable[[LatencyTable], None],
        on_progress: Callable[[float, str], None] = lambda _share, _text: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.table = table
        self._graph = graph
        self._space = space
        self._bench = bench
        self._model_name = model_name
        self._store = store
        self._say = on_progress
        self._check = check
        self._signatures = layer_signatures(graph, space.layers)
        self._net = net_digest(self._signatures)
        self._owners = StepOwners.of(graph, space.layers)
        self._failures = 0

    def build(self, is_over: Callable[[], bool], *, most: int | None = None) -> LatencyTable:
        """Measure programs to learn from until the menus are covered, or the time is over.

        Args:
            is_over: asked before each batch.
            most: programs of this net after which no further batch begins.
        """
        while not is_over() and (most is None or len(self._runs(FIT)) < most):
            share = min(self.coverage, len(self._runs(FIT)) / LEAST_PROGRAMS)
            if share >= 1.0:
                break
            self._say(share, f"{len(self._runs(FIT))} programs, {self.coverage:.0%} covered")
            model = self._model()
            taken = {_key(run.labels) for run in self.table.runs}
            self._take(FIT, model, self._counts(), taken, BATCH, self.table.seed)
        return self.table

    def check(self, count: int, seed: int, is_over: Callable[[], bool]) -> LatencyTable:
        """Predict fresh candidates, uniform in latency, and then measure them.

        Candidates that any model learnt from are passed over; these are never learnt from.
        """
        begun = self._model()
        while (done := len(self._runs(CHECK))) < count and not is_over():
            self._say(done / count, f"{done} of {count} fresh candidates checked")
            taken = {_key(run.labels) for run in self.table.runs}
            self._take(CHECK, begun, None, taken, min(BATCH, count - done), seed)
        return self.table

    @property
    def coverage(self) -> float:
        """Share of distinct (layer shape, choice) pairs that ran twice or more."""
        return self.table.coverage(self._signatures, self._space.labels)

    def _model(self) -> LatencyModel:
        return table_model(self._graph, self._space.labels, self.table)

    def _runs(self, role: str) -> list[MeasuredRun]:
        return self.table.runs_of(role, self._net)

    def _counts(self) -> Mapping[str, Mapping[str, int]]:
        entries = self.table.entries
        return {
            layer: {
                label: entry.count
                for label, entry in entries.get(self._signatures[layer], {}).items()
            }
            for layer in self._space.layers
        }

    def _take(
        self,
        role: str,
        model: LatencyModel,
        counts: Mapping[str, Mapping[str, int]] | None,
        taken: set[tuple[str, ...]],
        size: int,
        seed: int,
    ) -> None:
        draw = CandidateDraw(model, counts)
        begun = len(self._runs(role)) + self._failures
        random = np.random.default_rng([seed, int(role == CHECK), begun])
        rows: list[Mapping[str, str]] = []
        packages: list[Path] = []
        while len(rows) < size:
            self._check()
            labels = draw.draw(random)
            if _key(labels) in taken:
                self._fail(f"the space has too few candidates for {size} new ones")
                continue
            taken.add(_key(labels))
            try:
                package = self._bench.built(self._space.candidate(labels), f"candidate{len(rows)}")
            except PunchcardError as error:
                self._fail(str(error))
                continue
            rows.append(labels)
            packages.append(package)
        self._failures = 0
        dense, programs = self._timed(packages)
        self._keep(role, model, rows, dense, programs)

    def _fail(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            msg = f"{self._failures} candidates in a row cannot be measured: {reason}"
            raise LatencyError(msg)

    def _timed(self, packages: Sequence[Path]) -> tuple[TimedProgram, list[TimedProgram]]:
        """Time a batch; again where the machine ran at another speed than for the table so far."""
        known = self.table.nets.get(self._net)
        best: tuple[TimedProgram, list[TimedProgram]] | None = None
        least = float("inf")
        for _ in range(TAKES):
            self._check()
            found = self._bench.timed(packages)
            if known is None:
                return found
            drift = abs(found[0].timing.dense_median_ms / known.dense_ms - 1.0)
            if drift < least:
                best, least = found, drift
            if drift <= LARGEST_DRIFT:
                break
        assert best is not None
        return best

    def _keep(
        self,
        role: str,
        model: LatencyModel,
        rows: Sequence[Mapping[str, str]],
        dense: TimedProgram,
        programs: Sequence[TimedProgram],
    ) -> None:
        self._check()
        own_ms = dense.timing.dense_median_ms
        if self._net not in self.table.nets:
            net = TableNet(self._model_name, self._signatures, own_ms)
            self.table = replace(
                self.table,
                nets={**self.table.nets, self._net: net},
                compiler=self.table.compiler or self._bench.compiler_id,
            )
            rows = [dict.fromkeys(self._space.layers, DENSE), *rows]
            programs = [dense, *programs]
        reference_ms = self.table.nets[self._net].dense_ms
        runs = []
        for labels, program in zip(rows, programs, strict=True):
            drift = reference_ms / program.timing.dense_median_ms
            times = self._owners.layer_ms(program.step_ms)
            runs.append(
                MeasuredRun(
                    self._net,
                    dict(labels),
                    program.timing.median_ms * drift,
                    {layer: ms * drift for layer, ms in times.items()},
                    is_unstable=program.timing.is_unstable,
                    role=role,
                    predicted_ms=model.predict_ms(labels) if role == CHECK else None,
                )
            )
        self.table = self.table.with_runs(runs)
        self._store(self.table)


def _key(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={label}" for name, label in sorted(labels.items()))
