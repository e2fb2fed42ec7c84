"""How much of a finalisation is done, and a guess of what is left."""

from __future__ import annotations

import time

_UNITS = 1000


class Work:
    """Counts images that were trained on; speed is that of this run alone.

    Args:
        baking: images of the bake-off, all contestants and epochs together.
        full: images of the full run.
    """

    def __init__(self, baking: int, full: int) -> None:
        self._total = max(1, baking + full)
        self._finished = 0
        self._begun_at: float | None = None
        self._begun_with = 0.0
        self._behind = 0.0
        self._phase, self._current = "", 0.0

    def begin(self) -> None:
        """A training begins; what is counted from here on is measured."""
        self._behind = self._current = 0.0
        self._phase = ""

    def at(self, phase: str, done: int, total: int, whole: int) -> None:
        """A training's phase stands at `done` of `total` steps; all of it has `whole` images."""
        if phase != self._phase:
            self._behind, self._phase = self._current, phase
        # phases share the images out; the first may hold them all
        self._current = min(float(whole), self._behind + (whole - self._behind) * done / total)
        if self._begun_at is None:
            self._begun_at, self._begun_with = time.monotonic(), self._done

    def finish(self, images: int) -> None:
        """A training has ended, now or in an earlier run."""
        self._finished += images
        self._behind = self._current = 0.0

    @property
    def _done(self) -> float:
        return self._finished + self._current

    @property
    def share(self) -> tuple[int, int]:
        """Done and total, in thousandths; the last one is for the proof."""
        done = min(_UNITS - 1, int(_UNITS * self._done / self._total))
        return done, _UNITS

    def left(self) -> str:
        """What is left, in words."""
        if self._begun_at is None or self._done <= self._begun_with:
            return "estimating"
        pace = (time.monotonic() - self._begun_at) / (self._done - self._begun_with)
        seconds = pace * (self._total - self._done)
        return (
            f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
        )
