"""A device whose layer times follow a rule: programs are remembered, and nothing is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend.latency.guess import guess_ms
from backend.latency.program_batch import TimedProgram
from backend.latency.signature import layer_signatures
from backend.latency.traits import kind_of
from backend.search.space import Space
from backend.search.timing import Timing
from backend.sparsity.candidate import Candidate
from codegen.errors import PunchcardError
from codegen.ir.graph import Graph


class MadeUpBench:
    """Times with 1 % noise; every batch runs at a clock of its own.

    Attributes:
        clocks: factors of the next batches; 1 afterwards.
        broken: labels of a choice whose programs cannot be built.
    """

    compiler_id = "zig 1"

    def __init__(self, graph: Graph, space: Space) -> None:
        self.clocks: list[float] = []
        self.broken: str | None = None
        self.batches = 0
        self._space = space
        self._signatures = layer_signatures(graph, space.layers)
        self._built: dict[Path, dict[str, str]] = {}
        self._random = np.random.default_rng(11)

    def built(self, candidate: Candidate, name: str) -> Path:
        labels = self._space.params(candidate)
        if self.broken is not None and self.broken in labels.values():
            msg = "this choice cannot be compiled"
            raise PunchcardError(msg)
        self._built[Path(name)] = labels
        return Path(name)

    def timed(self, packages: Sequence[Path]) -> tuple[TimedProgram, list[TimedProgram]]:
        self.batches += 1
        clock = self.clocks.pop(0) if self.clocks else 1.0
        dense = self._program(dict.fromkeys(self._signatures, "dense"), None, clock)
        found = [self._program(self._built[path], dense, clock) for path in packages]
        return dense, found

    def layer_ms(self, labels: dict[str, str]) -> dict[str, float]:
        found, before = {}, 0.0
        for layer, signature in self._signatures.items():
            found[layer] = 3.0 * guess_ms(signature, labels[layer]) * float(np.exp(-0.9 * before))
            before = kind_of(labels[layer]).thinning
        return found

    def _program(
        self, labels: dict[str, str], dense: TimedProgram | None, clock: float
    ) -> TimedProgram:
        noise = 1.0 + 0.01 * self._random.standard_normal(len(labels) + 1)
        times = self.layer_ms(labels)
        step_ms = {
            layer: clock * ms * factor
            for (layer, ms), factor in zip(times.items(), noise, strict=False)
        }
        total = clock * (0.003 + sum(times.values())) * float(noise[-1])
        dense_ms = total if dense is None else dense.timing.dense_median_ms
        timing = Timing((total,), (dense_ms,), total, dense_ms, 0.0, 0.0, is_unstable=False)
        return TimedProgram(timing, step_ms)
