"""The progress bar of a training run, and Ctrl-C as a wish to stop."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from backend.cli.interrupt import Interrupt

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
        self._interrupt = Interrupt(self._line)
        self.should_stop = self._interrupt.should_stop

    def __enter__(self) -> TrainingBar:
        self._interrupt.__enter__()
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        self._interrupt.__exit__(kind, error, trace)

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
            self._line(at.note)
        if at.ended is not None:
            seen = at.ended.validation
            judged = ""
            if seen:
                judged = (
                    f" validation loss {seen['loss']:.4f} accuracy {100 * seen['accuracy']:.2f} %"
                )
            self._line(f"epoch {at.ended.number}/{at.epochs} loss {at.ended.loss:.4f}{judged}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)
