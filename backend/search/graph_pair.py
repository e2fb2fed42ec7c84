"""Two graphs compiled alike and timed in turns on this computer, with every layer's time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.devices.compilation import compile_graph
from backend.models.reference_run import reference_output
from backend.search.search_device import LOCAL, open_device
from backend.search.timing import Check, Timing, check_package, time_packages
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings
from codegen.ir.graph import Graph
from codegen.targets.registry import load_target
from device_agents.agent import DeviceAgent

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PairTiming:
    """Before and after, from the same rounds.

    Attributes:
        timing: `dense_*` is the first graph, the rest the second.
        first: what the first one computes and the time of its layers.
        second: the same of the second one.
    """

    timing: Timing
    first: Check
    second: Check

    def to_json(self) -> dict[str, Any]:
        """What the page and reports show."""
        return {
            "before_ms": self.timing.dense_median_ms,
            "after_ms": self.timing.median_ms,
            "speedup": self.timing.speedup,
            "is_unstable": self.timing.is_unstable,
            "before_layer_ms": dict(self.first.layer_ms),
            "after_layer_ms": dict(self.second.layer_ms),
            "max_relative_error": max(
                self.first.max_relative_error, self.second.max_relative_error
            ),
        }


def time_pair(
    first: Graph,
    second: Graph,
    folder: Path,
    settings: Settings,
    *,
    values: FloatArray | None = None,
    on_step: Callable[[str], None] | None = None,
) -> PairTiming:
    """Compile two graphs for one thread of this computer and time them in turns.

    Trainers of this installation stand still meanwhile.

    Args:
        first: the yardstick.
        second: what is compared with it; of the same input.
        folder: an empty one, where both packages are built.
        settings: the installation.
        values: normalised input of their self-tests, such as a picture, for far from pictures a net
            may multiply rounding until nothing can be compared; random numbers when not given.
        on_step: told in words what is being done.

    Raises:
        PunchcardError: one of them cannot be compiled.
        DeviceError: a package does not run, or fails its self-test.
    """
    say = on_step or (lambda _: None)
    with open_device(LOCAL, settings) as device:
        target = load_target(device.target)
        packages: Mapping[str, Graph] = {"before": first, "after": second}
        for name, graph in packages.items():
            say(f"compile {name}")
            known = None if values is None else (values, reference_output(graph, values))
            compile_graph(graph, target, folder / name, settings=settings, self_test=known)
        say("time both in turns")
        with TrainerGate(settings.home).closed():
            timing = time_packages(device.agent, folder / "before", [folder / "after"])[0]
            checks = [
                _checked(device.agent, folder / name, graph) for name, graph in packages.items()
            ]
    return PairTiming(timing, *checks)


def _checked(agent: DeviceAgent, package: Path, graph: Graph) -> Check:
    shape = graph.inputs[0][1].shape
    values = np.fromfile(package / "input.bin", "<f4").reshape(shape)
    outputs = graph.type_of(graph.outputs[0]).shape
    expected = np.fromfile(package / "expected.bin", "<f4").reshape(outputs)
    return check_package(agent, package, values, expected)
