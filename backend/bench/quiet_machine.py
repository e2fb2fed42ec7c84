"""This computer while it measures: its timing lock, trainers stopped, real-time priority."""

from __future__ import annotations

import contextlib
import time

from backend.bench.turns import MachineLock, pinned_and_raised
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings


class QuietMachine(contextlib.AbstractContextManager[None]):
    """Programs started inside inherit core and priority. May be entered again and again.

    Attributes:
        waited: seconds that were spent waiting for others, which no budget should pay.
    """

    def __init__(self, settings: Settings, threads: int = 1) -> None:
        """Take the installation whose trainers stand still, and the threads of the programs."""
        self.waited = 0.0
        self._threads = threads
        self._gate = TrainerGate(settings.home)
        self._open: list[contextlib.ExitStack] = []

    def __enter__(self) -> None:
        stack, start = contextlib.ExitStack(), time.monotonic()
        stack.enter_context(MachineLock())
        stack.enter_context(self._gate.closed())
        self.waited += time.monotonic() - start
        stack.enter_context(pinned_and_raised(self._threads))
        self._open.append(stack)

    def __exit__(self, *error: object) -> None:
        self._open.pop().close()

    def clock(self) -> float:
        """Seconds without those spent waiting."""
        return time.monotonic() - self.waited
