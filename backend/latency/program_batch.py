"""Builds whole candidates and times them on a device, in turns with the dense net."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.search.search_device import SearchDevice
from backend.search.timing import Timing, step_times, time_packages
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import prune_graph
from codegen.compiler import generate
from codegen.ir.graph import Graph
from codegen.package import write_package
from codegen.targets.registry import load_target
from codegen.toolchain.build import build

PROFILES, PROFILE_RUNS, WARMUP = 2, 60, 3


@dataclass(frozen=True)
class TimedProgram:
    """A program that was timed and profiled.

    Attributes:
        timing: beside the dense net.
        step_ms: median time of each step by the user's layer name.
    """

    timing: Timing
    step_ms: Mapping[str, float]


class ProgramBench:
    """Programs of candidates of one net on one device.

    Masks are by magnitude and nothing is trained: the structure decides the time, values do not.
    Needs no torch: a program's own first output is what its self-test expects of it afterwards.

    Args:
        graph: the dense net.
        pattern_sets: by name.
        device: opened.
        folder: for packages; they are replaced batch by batch.
        cache: of compiled objects.
        quiet: entered around the timing of a batch.
    """

    def __init__(
        self,
        graph: Graph,
        pattern_sets: Mapping[str, PatternSet],
        device: SearchDevice,
        folder: Path,
        cache: Path,
        quiet: AbstractContextManager[object] | None = None,
    ) -> None:
        self._graph = graph
        self._pattern_sets = pattern_sets
        self._device = device
        self._target = load_target(device.target)
        self._folder = folder
        self._cache = cache
        self._quiet = quiet or contextlib.nullcontext()
        shape = graph.inputs[0][1].shape
        self._input = np.random.default_rng(0).standard_normal(shape).astype("<f4")
        self.compiler_id = ""
        self._dense = self.built(Candidate(), "dense")

    def built(self, candidate: Candidate, name: str) -> Path:
        """Compile a candidate; its package.

        Raises:
            PunchcardError: it cannot be pruned or compiled, or does not run.
        """
        graph = prune_graph(self._graph, candidate, pattern_sets=self._pattern_sets)
        bundle = generate(graph, self._target)
        binary = build(bundle, self._target, cache_dir=self._cache)
        self.compiler_id = binary.compiler_id
        folder = self._folder / name
        shape = graph.type_of(graph.outputs[0]).shape
        expected = np.zeros(shape, dtype="<f4")
        write_package(folder, bundle, binary, input=self._input, expected=expected)
        output = self._device.agent.run(folder, self._input.tobytes()).output
        expected = np.frombuffer(output, dtype="<f4").reshape(shape)
        write_package(folder, bundle, binary, input=self._input, expected=expected)
        return folder

    def timed(self, packages: Sequence[Path]) -> tuple[TimedProgram, list[TimedProgram]]:
        """The dense net, and these programs in turns with it.

        Raises:
            DeviceError: one does not run, or gives another output than before.
        """
        with self._quiet:
            timings = time_packages(self._device.agent, self._dense, [self._dense, *packages])
            profiles = [self._profile(package) for package in (self._dense, *packages)]
        timed = [TimedProgram(*pair) for pair in zip(timings, profiles, strict=True)]
        return timed[0], timed[1:]

    def _profile(self, package: Path) -> dict[str, float]:
        rounds = []
        for _ in range(PROFILES):
            result = self._device.agent.run(
                package,
                self._input.tobytes(),
                repeat=PROFILE_RUNS,
                warmup=WARMUP,
                profile=True,
            )
            rounds.append(step_times(package, result.report.get("layers_ms", [])))
        return {name: statistics.fmean(one[name] for one in rounds) for name in rounds[0]}
