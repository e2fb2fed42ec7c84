"""Ctrl-C in a long benchmark: the first one ends it where it can go on, the second at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Stoppable(Protocol):
    """What is told to end."""

    is_stopped: bool

    @property
    def say(self) -> Callable[[str], None]:
        """Prints a line."""


@contextmanager
def interrupts(place: Stoppable) -> Iterator[None]:
    """The first interrupt sets `is_stopped`, a second one raises KeyboardInterrupt."""

    def stop(*_: object) -> None:
        if place.is_stopped:
            raise KeyboardInterrupt
        place.is_stopped = True
        place.say("stopping; once more to stop at once")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
