"""The search job with evaluators and a device that answer at once; everything else is real."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from backend.devices.turn import DeviceTurn
from backend.jobs.context import JobContext
from backend.search.executor import Executor
from backend.search.executors.local_executor import LocalExecutor
from backend.search.executors.order import ExecutorOrder
from backend.search.executors.ray_executor import RayExecutor
from backend.search.run_search import run_search
from backend.search.search_device import SearchDevice
from backend.storage.named_lock import LockTimeoutError
from backend.storage.settings import Settings, load_settings
from device_agents.agent import DeviceAgent, RunResult
from device_agents.measurement import Measurement

KINDS = {"search": "tests.fault.search_parts:search"}


def search(context: JobContext) -> Mapping[str, Any]:
    return run_search(
        context,
        str(context.payload["search_id"]),
        make_executor=make_executor,
        find_device=find_device,
    )


def make_executor(order: ExecutorOrder) -> Executor:
    if order.config.kind == "ray":
        return RayExecutor(order, entry="tests.fault.fake_evaluator:make_handlers")
    return LocalExecutor(
        order.setup,
        gate=order.gate,
        log=order.log,
        count=order.count,
        entry="tests.fault.fake_evaluator",
    )


@contextmanager
def find_device(_name: str, settings: Settings) -> Iterator[SearchDevice]:
    # not called "local": the peak of this computer would be measured
    yield SearchDevice("fake", cast(DeviceAgent, FakeAgent()), "x86_64-generic", "fake")


class FakeAgent:
    """Latency follows from the share that the fake evaluator wrote; outputs are twice the input."""

    def measure(self, packages: Sequence[Path], **_options: object) -> list[Measurement]:
        with pytest.raises(LockTimeoutError):  # the search has the device for itself
            DeviceTurn("fake", load_settings(), timeout_s=0.0).__enter__()
        return [
            Measurement(
                package=str(package),
                rounds_ms=((latency_ms(package),) * 5,),
                max_relative_error=0.0,
                peak_rss_bytes=0,
                core=0,
            )
            for package in packages
        ]

    def run(self, package: Path, values: bytes, **_options: object) -> RunResult:
        output = 2 * np.frombuffer(values, "<f4")
        return RunResult(output.tobytes(), {"layers_ms": []})


def latency_ms(package: Path) -> float:
    return 1.0 - 0.8 * float(json.loads((package / "manifest.json").read_bytes())["share"])
