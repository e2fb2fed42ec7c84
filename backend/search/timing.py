"""Latency and numerics of packages on the search's device, while every trainer stands still."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codegen.errors import PunchcardError
from codegen.package import MANIFEST
from device_agents.agent import DeviceAgent
from device_agents.measurement import Measurement

ROUNDS = 6
SAMPLES = 60  # at most, of each package in each round
ROUND_MS = 60  # a round of a package ends after this long, with three samples at least
ATTEMPTS = 3
PROFILE_RUNS = 30
Array = npt.NDArray[np.float32]


class TimingError(PunchcardError):
    """A package gives no usable time or output."""


@dataclass(frozen=True)
class Timing:
    """Samples of one package and of the dense net that ran in turns with it.

    Attributes:
        spread_ms: median absolute deviation of the candidate's samples.
        is_unstable: the steadiest attempt still had a 95th percentile over 1.2 medians.
    """

    samples_ms: tuple[float, ...]
    dense_samples_ms: tuple[float, ...]
    median_ms: float
    dense_median_ms: float
    spread_ms: float
    dense_spread_ms: float
    is_unstable: bool
    core: int | None = None

    @property
    def speedup(self) -> float:
        """Median of the dense net over the candidate's, from the same rounds."""
        return self.dense_median_ms / self.median_ms

    def to_json(self) -> dict[str, Any]:
        """All fields and the speed-up."""
        return {**asdict(self), "speedup": self.speedup}


@dataclass(frozen=True)
class Check:
    """What a package computes, compared with torch.

    Attributes:
        max_relative_error: largest difference over the largest expected magnitude, over all
            inputs.
        layer_ms: median time of each layer by the user's layer name; its steps are added up.
    """

    max_relative_error: float
    layer_ms: Mapping[str, float] = field(default_factory=dict)


def time_packages(agent: DeviceAgent, dense: Path, packages: Sequence[Path]) -> list[Timing]:
    """Time packages beside the dense net: D A B, D A B, ... so that drift meets all alike.

    Rounds that come out unstable are taken again, at most twice; the steadiest attempt counts.

    Raises:
        DeviceError: a package does not run, or fails its self-test.
    """
    best: list[Measurement] = []
    for _ in range(ATTEMPTS):
        taken = agent.measure(
            [dense, *packages], rounds=ROUNDS, repeat=SAMPLES, spend_ms=ROUND_MS, threads=1
        )
        if not best or _unsteadiness(taken) < _unsteadiness(best):
            best = taken
        if all(one.is_stable for one in best):
            break
    yardstick = best[0]
    return [
        Timing(
            samples_ms=one.samples_ms,
            dense_samples_ms=yardstick.samples_ms,
            median_ms=one.median_ms,
            dense_median_ms=yardstick.median_ms,
            spread_ms=one.spread_ms,
            dense_spread_ms=yardstick.spread_ms,
            is_unstable=not (one.is_stable and yardstick.is_stable),
            core=one.core,
        )
        for one in best[1:]
    ]


def check_package(agent: DeviceAgent, package: Path, inputs: Array, expected: Array) -> Check:
    """Run a package on some inputs and compare its outputs; the first run is profiled.

    Args:
        agent: of the device.
        package: its folder.
        inputs: f32 (n, ...), n at least 1.
        expected: f32 (n, ...), what torch computes for them.

    Raises:
        TimingError: an output has another size than torch's.
        DeviceError: the package does not run.
    """
    worst = 0.0
    layer_ms: dict[str, float] = {}
    for index, (values, wanted) in enumerate(zip(inputs, expected, strict=True)):
        is_first = index == 0
        result = agent.run(
            package,
            np.ascontiguousarray(values, dtype="<f4").tobytes(),
            repeat=PROFILE_RUNS if is_first else 1,
            profile=is_first,
        )
        got = np.frombuffer(result.output, dtype="<f4")
        if got.size != wanted.size:
            msg = f"the package returned {got.size} numbers where torch has {wanted.size}"
            raise TimingError(msg)
        if not np.isfinite(got).all():
            return Check(float("inf"), layer_ms)
        if is_first:
            layer_ms = step_times(package, result.report.get("layers_ms", []))
        scale = float(np.abs(wanted).max()) or 1.0
        worst = max(worst, float(np.abs(got - wanted.ravel()).max()) / scale)
    return Check(worst, layer_ms)


def step_times(package: Path, times: Sequence[float]) -> dict[str, float]:
    """Times of a profile by the user's layer name; steps of one name are added up."""
    layers = json.loads((package / MANIFEST).read_bytes())["layers"]
    found: dict[str, float] = {}
    for layer, ms in zip(layers, times, strict=False):
        found[layer["name"]] = found.get(layer["name"], 0.0) + ms
    return found


def _unsteadiness(taken: Sequence[Measurement]) -> float:
    return max(one.p95_ms / statistics.median(one.samples_ms) for one in taken)
