"""What the cells of accuracy tables share: data, dense starts, folder, deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from backend.bench.claim import claimed
from backend.bench.errors import BenchError
from backend.data.registry import open_data

if TYPE_CHECKING:
    from backend.bench.accuracy.profile import Profile
    from backend.data.image_data import ImageData
    from backend.storage.settings import Settings
    from backend.training.history import Progress

Made = TypeVar("Made")


@dataclass(eq=False)
class Workplace:
    """One run of the benchmark.

    Attributes:
        settings: of the installation: caches, and where latencies' trainers are stopped.
        folder: checkpoints and trained nets of cells, by their key.
        profile: how much is computed.
        spec: name or path of the data set; None where a table needs none.
        deadline: of `time.monotonic`; infinite for no limit.
        say: prints a line of progress.
        is_stopped: set when the user wants it to end.
    """

    settings: Settings
    folder: Path
    profile: Profile
    spec: str | None = None
    deadline: float = float("inf")
    say: Callable[[str], None] = print
    is_stopped: bool = False
    _memory: dict[str, object] = field(default_factory=dict)

    @cached_property
    def data(self) -> ImageData:
        """The data set, opened when it is first needed.

        Raises:
            BenchError: none was named.
            DataError: it cannot be read.
        """
        if self.spec is None:
            msg = "this table needs a data set: name it by --data"
            raise BenchError(msg)
        self.say(f"reading {self.spec}")
        return open_data(self.spec)

    def should_stop(self) -> bool:
        """Whether a cell in work has to end: the user said so, or the time is over."""
        return self.is_stopped or time.monotonic() > self.deadline

    def say_epochs(self, title: str) -> Callable[[Progress], None]:
        """Progress of a training run: a line at the end of each epoch."""

        def say(at: Progress) -> None:
            if at.ended is not None:
                self.say(
                    f"  {title}: epoch {at.epoch}/{at.epochs}, loss {at.loss:.3f}, "
                    f"{at.images_per_s:.0f} images/s"
                )

        return say

    def remember(self, name: str, make: Callable[[], Made]) -> Made:
        """Make something once for all cells of this process."""
        if name not in self._memory:
            self._memory[name] = make()
        return cast(Made, self._memory[name])

    def recall(self, name: str, kind: type[Made]) -> Made | None:
        """What was made of that name, if it was."""
        found = self._memory.get(name)
        return found if isinstance(found, kind) else None

    def path(self, key: str, suffix: str) -> Path:
        """Where a cell keeps something; the folder exists."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{key}{suffix}"

    @contextmanager
    def claimed(self, key: str) -> Iterator[bool]:
        """Whether the work of a key is this process's own: false while another is at it."""
        with claimed(self.path(key, ".lock")) as is_mine:
            yield is_mine
