"""What stands on a device, and each step of how it came there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# In this order on every deployment; a page can draw them before the first begins.
DEPLOY_STEPS = (
    "probe",
    "compare",
    "upload",
    "digest",
    "place",
    "self_test",
    "switch",
    "read_back",
    "tidy",
)
ROLLBACK_STEPS = ("probe", "compare", "digest", "self_test", "switch", "read_back")


@dataclass(frozen=True)
class Step:
    """A step's state: running, done, skipped or failed."""

    name: str
    state: str
    seconds: float | None = None
    message: str = ""


OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Release:
    """The release that is current on a device after a deployment or roll back.

    Attributes:
        id: First 16 hexadecimal digits of the manifest's SHA-256.
        unchanged: It was current and whole before; nothing was changed.
        verified: Its files' hashes were computed on the device, its self-test passed there, and
            the link was read back, all in this run.
        max_relative_error: Largest difference from the expected output over its largest value.
        latency_ms: Median of the self-test's runs; None on an emulated device.
        previous: Release that was current before, if any.
        emulated: The device is translated: its milliseconds mean nothing.
        bytes_sent: Command texts and files, without what SSH adds.
    """

    id: str
    unchanged: bool
    verified: bool
    max_relative_error: float | None
    latency_ms: float | None
    samples_ms: tuple[float, ...] = ()
    previous: str | None = None
    emulated: bool = False
    bytes_sent: int = 0
    steps: tuple[Step, ...] = ()


@dataclass
class StepLog:
    """Collects steps and tells each change at once."""

    on_step: OnStep
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; what is appended to the value becomes its message."""
        self.on_step(Step(name, "running"))
        start, notes = time.monotonic(), list[str]()
        try:
            yield notes
        except BaseException as error:
            self._add(Step(name, "failed", time.monotonic() - start, str(error)))
            raise
        self._add(Step(name, "done", time.monotonic() - start, "; ".join(notes)))

    def skip(self, name: str, message: str) -> None:
        """Record a step that was not needed."""
        self._add(Step(name, "skipped", 0.0, message))

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self.on_step(step)
