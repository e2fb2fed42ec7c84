"""Ctrl-C as a wish to stop: the first asks for an end, the second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType

from backend.cli.progress import say


class Interrupt:
    """While it is entered, `should_stop` tells whether the keyboard asked for an end.

    Args:
        tell: says that the wish was heard.
    """

    def __init__(self, tell: Callable[[str], None] = say) -> None:
        self._tell = tell
        self._wants_stop = False
        self._is_told = False

    def __enter__(self) -> Interrupt:
        self._old_handler = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._old_handler)

    def should_stop(self) -> bool:
        """Whether the keyboard asked for an end."""
        if self._wants_stop and not self._is_told:
            self._say()
        return self._wants_stop

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._wants_stop:
            raise KeyboardInterrupt
        self._wants_stop = True
        with suppress(RuntimeError):  # it came in the middle of another line, which Python refuses
            self._say()

    def _say(self) -> None:
        self._tell("stopping at the next training step; once more ends at once")
        self._is_told = True
