"""Timing and the numeric check, with a device whose answers are set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from backend.search.timing import ATTEMPTS, TimingError, check_package, time_packages
from device_agents.agent import DeviceAgent, RunResult
from device_agents.measurement import Measurement

STEADY = (1.0,) * 20
SHAKEN = (1.0,) * 10 + (9.0,) * 10


class SetAgent:
    """Gives the listed attempts one after the other; outputs are the input plus `error`."""

    def __init__(
        self, attempts: Sequence[Sequence[Sequence[float]]] = (), error: float = 0.0, cut: int = 0
    ) -> None:
        self.attempts = list(attempts)
        self.measured: list[list[Path]] = []
        self.profiled: list[bool] = []
        self._error = error
        self._cut = cut

    def measure(self, packages: Sequence[Path], **_options: object) -> list[Measurement]:
        self.measured.append(list(packages))
        taken = self.attempts[min(len(self.measured), len(self.attempts)) - 1]
        return [
            Measurement(str(package), (tuple(samples),), 0.0, 0, 1)
            for package, samples in zip(packages, taken, strict=True)
        ]

    def run(self, _package: Path, values: bytes, **options: object) -> RunResult:
        self.profiled.append(bool(options["profile"]))
        output = np.frombuffer(values, "<f4") + np.float32(self._error)
        report = {"layers_ms": [0.25, 0.5, 0.125]} if options["profile"] else {}
        return RunResult(output[: output.size - self._cut].tobytes(), report)

    @property
    def agent(self) -> DeviceAgent:
        return cast(DeviceAgent, self)


def test_packages_run_in_turns_with_the_dense_net_of_the_same_run() -> None:
    device = SetAgent([[STEADY, [0.5] * 20, [0.25] * 20]])
    dense, a, b = Path("dense"), Path("a"), Path("b")
    first, second = time_packages(device.agent, dense, [a, b])
    assert device.measured == [[dense, a, b]]
    assert (first.speedup, second.speedup) == (2.0, 4.0)
    assert first.dense_samples_ms == STEADY
    assert not first.is_unstable
    assert json.loads(json.dumps(first.to_json()))["speedup"] == 2.0


def test_unsteady_rounds_are_taken_again_and_the_steadiest_counts() -> None:
    device = SetAgent([[STEADY, SHAKEN], [STEADY, [0.5] * 20]])
    (timing,) = time_packages(device.agent, Path("dense"), [Path("a")])
    assert (len(device.measured), timing.median_ms, timing.is_unstable) == (2, 0.5, False)


def test_what_stays_unsteady_is_said_to_be_so() -> None:
    device = SetAgent([[STEADY, SHAKEN]])
    (timing,) = time_packages(device.agent, Path("dense"), [Path("a")])
    assert len(device.measured) == ATTEMPTS
    assert timing.is_unstable


@pytest.fixture
def package(tmp_path: Path) -> Path:
    layers = [{"name": "conv1"}, {"name": "conv2"}, {"name": "conv1"}]
    (tmp_path / "manifest.json").write_text(json.dumps({"layers": layers}))
    return tmp_path


def test_outputs_are_compared_on_every_input_and_layers_are_profiled_once(package: Path) -> None:
    inputs = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    device = SetAgent(error=0.004)
    check = check_package(device.agent, package, inputs, inputs)
    assert check.max_relative_error == pytest.approx(0.002, rel=1e-3)  # the first input is worse
    assert check.layer_ms == {"conv1": 0.375, "conv2": 0.5}
    assert device.profiled == [True, False]


def test_outputs_that_are_not_finite_are_infinitely_wrong(package: Path) -> None:
    inputs = np.ones((1, 2), np.float32)
    check = check_package(SetAgent(error=np.nan).agent, package, inputs, inputs)
    assert check.max_relative_error == float("inf")


def test_outputs_of_another_size_are_an_error(package: Path) -> None:
    inputs = np.ones((1, 2), np.float32)
    with pytest.raises(TimingError, match="returned 1 numbers where torch has 2"):
        check_package(SetAgent(cut=1).agent, package, inputs, inputs)
