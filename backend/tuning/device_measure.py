"""Builds a net with given schedules and times its layers on a device, beside the default."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.devices.compilation import toolchain_cache
from backend.storage.settings import Settings
from backend.tuning.errors import TuningError
from backend.tuning.tuner import TOTAL, Schedules, TurnTimes
from codegen.compiler import generate
from codegen.ir.graph import Graph
from codegen.package import MANIFEST, write_package
from codegen.targets.target import Target
from codegen.toolchain.build import build
from device_agents.agent import DeviceAgent

FloatArray = npt.NDArray[np.float32]

# Winograd's own bound, over the largest output.
_TOLERANCE = 1e-3
_TURN_MS = 60.0
_LEAST_RUNS, _MOST_RUNS = 3, 30


class DeviceMeasure:
    """A `Measure` of the tuner: the default program is built once, others round by round."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        agent: DeviceAgent,
        folder: Path,
        values: FloatArray,
        expected: FloatArray,
        *,
        settings: Settings,
        threads: int = 1,
        is_exact: bool = False,
        quiet: AbstractContextManager[object] | None = None,
    ) -> None:
        """Build the default program.

        Args:
            graph: what is tuned.
            target: what for; the device runs it.
            agent: of the device.
            folder: for packages.
            values: input, f32.
            expected: what the graph computes for it.
            settings: the installation.
            threads: of the programs.
            is_exact: as in `generate`.
            quiet: entered around the turns of a program, for a machine where others must be still
                meanwhile; it must allow to be entered again.
        """
        self._graph, self._target, self._agent = graph, target, agent
        self._folder, self._settings = folder, settings
        self._values, self._expected = values, expected
        self._threads, self._is_exact = threads, is_exact
        self._quiet = quiet or nullcontext()
        self._default = self._package("default", {})
        total = self._run(self._default, 1)[TOTAL]
        self._repeat = max(_LEAST_RUNS, min(_MOST_RUNS, round(_TURN_MS / max(total, 1e-3))))

    def __call__(self, schedules: Schedules, turns: int) -> list[TurnTimes]:
        """Time a program with these schedules in turns with the default program.

        Raises:
            PunchcardError: it cannot be built, or computes something else.
        """
        other = self._package("other", schedules)
        found = []
        with self._quiet:
            for turn in range(turns):
                # Whoever comes first pays for a machine that was busy with something else.
                pair = [self._default, other][:: 1 if turn % 2 else -1]
                times = {package: self._run(package, self._repeat) for package in pair}
                found.append(TurnTimes(times[self._default], times[other]))
        return found

    def _package(self, name: str, schedules: Schedules) -> Path:
        bundle = generate(
            self._graph,
            self._target,
            threads=self._threads,
            schedules=schedules,
            is_exact=self._is_exact,
        )
        binary = build(bundle, self._target, cache_dir=toolchain_cache(self._settings))
        folder = self._folder / name
        write_package(folder, bundle, binary, input=self._values, expected=self._expected)
        return folder

    def _run(self, package: Path, repeat: int) -> dict[str, float]:
        """Milliseconds of each layer by name, and of the whole run."""
        result = self._agent.run(
            package,
            self._values.tobytes(),
            repeat=repeat,
            warmup=2,
            threads=self._threads,
            profile=True,
        )
        found = np.frombuffer(result.output, "<f4")
        scale = float(np.abs(self._expected).max()) or 1.0
        error = float(np.abs(found - self._expected.ravel()).max()) / scale
        if not error <= _TOLERANCE:
            msg = f"a schedule computes something else (relative difference {error:.1e})"
            raise TuningError(msg)
        layers = json.loads((package / MANIFEST).read_bytes())["layers"]
        times: dict[str, float] = {TOTAL: float(result.report["median_ms"])}
        for layer, ms in zip(layers, result.report["layers_ms"], strict=True):
            times[layer["name"]] = times.get(layer["name"], 0.0) + float(ms)
        return times
