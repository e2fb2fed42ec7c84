"""What can be done with a device, whatever way leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from device_agents.facts import DeviceFacts
from device_agents.measurement import Measurement
from device_agents.release import OnStep, Release, Step


@dataclass(frozen=True)
class RunResult:
    """Output of one run, raw f32 little endian, and the runner's report."""

    output: bytes
    report: dict[str, Any]


def no_step(_step: Step) -> None:
    """Take a step and tell nobody."""


class DeviceAgent(Protocol):
    """One device. An agent belongs to one thread, is used in a ``with`` block and ends there.

    Every method raises ``DeviceError`` with one clear sentence when it fails.
    """

    def __enter__(self) -> Self:
        """Begin; a connection is made when it is first needed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connection back."""

    def probe(self) -> DeviceFacts:
        """Ask the device what it is; changes nothing there."""

    def deploy(self, package: Path, on_step: OnStep = no_step) -> Release:
        """Make a package the current release: all or nothing, and nothing when it is already."""

    def rollback(self, on_step: OnStep = no_step) -> Release:
        """Make the release current that was so before."""

    def test(self, on_step: OnStep = no_step) -> Release:
        """Hash and run the current release without changing anything."""

    def current_release(self) -> str | None:
        """Return the id of the current release, or None."""

    def measure(
        self,
        packages: Sequence[Path],
        *,
        rounds: int = 3,
        repeat: int = 30,
        spend_ms: int = 2000,
        threads: int = 1,
        core: int | None = None,
    ) -> list[Measurement]:
        """Time packages in turns (A B A B …); the current release is not touched.

        Args:
            packages: Package folders on this computer.
            rounds: Turns of each package.
            repeat: Most samples of a turn.
            spend_ms: A turn ends after this long, with three samples at least.
            threads: Threads of the model.
            core: Core to pin to; None: the fastest that the device allows.
        """

    def run(
        self,
        package: Path,
        values: bytes,
        *,
        repeat: int = 1,
        warmup: int = 0,
        threads: int = 1,
        profile: bool = False,
        seconds: int = 600,
    ) -> RunResult:
        """Run a package on an input (raw f32, little endian) and return its output and times."""
