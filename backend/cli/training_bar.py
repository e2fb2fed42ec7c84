"""The progress bar of a training run, and Ctrl-C as a wish to stop."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from backend.training.history import Progress as TrainingProgress


class TrainingBar:
    """Shows a run on standard error; the first Ctrl-C asks it to stop, a second one ends it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} % {task.fields[words]}"),
            console=self._console,
        )
        self._task = self._progress.add_task("training", total=None, words="")
        self._wants_stop = False

    def __enter__(self) -> TrainingBar:
        self._old_handler = signal.signal(signal.SIGINT, self._interrupt)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        signal.signal(signal.SIGINT, self._old_handler)

    def should_stop(self) -> bool:
        """Whether the keyboard asked for an end."""
        return self._wants_stop

    def show(self, at: TrainingProgress) -> None:
        """Draw where the run is; a line for every finished epoch and for what is unusual."""
        self._progress.update(
            self._task,
            completed=at.step,
            total=at.steps,
            description=f"epoch {at.epoch}/{at.epochs}",
            words=f"loss {at.loss:.4f}, {at.images_per_s:.0f} images/s, {at.eta_s:.0f} s left",
        )
        if at.note:
            self._console.print(at.note, markup=False, highlight=False)
        if at.ended is not None:
            seen = at.ended.validation
            judged = ""
            if seen:
                judged = (
                    f" validation loss {seen['loss']:.4f} accuracy {100 * seen['accuracy']:.2f} %"
                )
            line = f"epoch {at.ended.number}/{at.epochs} loss {at.ended.loss:.4f}{judged}"
            self._console.print(line, markup=False, highlight=False)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._wants_stop:
            raise KeyboardInterrupt
        self._wants_stop = True
        self._console.print("stopping after this step; once more ends at once", markup=False)
