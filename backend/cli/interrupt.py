"""Ctrl-C as a wish to stop: the first asks for an end, the second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
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
        return self._wants_stop

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._wants_stop:
            raise KeyboardInterrupt
        self._wants_stop = True
        self._tell("stopping at the next training step; once more ends at once")
