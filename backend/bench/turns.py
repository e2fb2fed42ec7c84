"""Times several programs in turns: one lock for the machine, real-time priority, others stopped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

PRIORITY = 50
# Whoever waits for the machine gets it at least this often.
HOLD_SECONDS = 40.0
_PAUSE_SECONDS = 0.2


class Contestant(Protocol):
    """Something that can be timed, again and again."""

    name: str

    def samples_ms(self, repeat: int) -> list[float]:
        """Milliseconds of `repeat` runs in a row, after a few that do not count."""


@dataclass
class Taken:
    """What was measured of one contestant: all samples, in milliseconds."""

    name: str
    samples_ms: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        """Median of all samples."""
        return statistics.median(self.samples_ms)

    def quantile_ms(self, share: float) -> float:
        """Sample at a share of the sorted samples (0.1: a quiet machine's)."""
        ordered = sorted(self.samples_ms)
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def lock_file() -> Path:
    """The machine's timing lock; $PUNCHCARD_TIMING_LOCK names another."""
    named = os.environ.get("PUNCHCARD_TIMING_LOCK")
    return Path(named) if named else Path(tempfile.gettempdir()) / "timing.lock"


class MachineLock:
    """The machine's timing lock, given up now and then for whoever waits.

    A process started by `flock FILE COMMAND` on the same file has the lock already, through the
    handle it inherits: it then takes nothing and gives nothing up.
    """

    def __init__(self, hold_seconds: float = HOLD_SECONDS) -> None:
        self._hold_seconds = hold_seconds
        self._handle = -1
        self._since = 0.0

    def __enter__(self) -> MachineLock:
        """Wait for the lock."""
        if _is_inherited(lock_file()):
            return self
        self._handle = os.open(lock_file(), os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._since = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def breathe(self) -> None:
        """Give the lock up for a moment where it has been held long."""
        if self._handle < 0 or time.monotonic() - self._since < self._hold_seconds:
            return
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        time.sleep(_PAUSE_SECONDS)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._since = time.monotonic()


def _is_inherited(path: Path) -> bool:
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if handle.samefile(path):
                return True
    return False


def take_turns(
    contestants: Sequence[Contestant], rounds: int, seconds: float = 0.5
) -> dict[str, Taken]:
    """Time contestants round by round, so that what disturbs the machine meets all alike.

    Args:
        contestants: with names that differ.
        rounds: turns of each; the order rotates from round to round.
        seconds: about how long a turn lasts; at least two runs are timed in it.
    """
    taken = {contestant.name: Taken(contestant.name) for contestant in contestants}
    repeats: dict[str, int] = {}
    with MachineLock() as lock:
        for turn in range(rounds):
            start = turn % len(contestants)
            for contestant in (*contestants[start:], *contestants[:start]):
                lock.breathe()
                if contestant.name not in repeats:
                    trial_ms = min(contestant.samples_ms(2))
                    repeats[contestant.name] = max(2, min(400, round(1000 * seconds / trial_ms)))
                samples = contestant.samples_ms(repeats[contestant.name])
                taken[contestant.name].samples_ms += samples
    return taken


def bench_cores(threads: int) -> set[int]:
    """The last `threads` cores this process may use: the first ones serve interrupts."""
    return set(sorted(os.sched_getaffinity(0))[-threads:])


def pin_and_raise(threads: int) -> None:
    """In a child before it starts: its cores, and real-time priority where the system allows.

    With $PUNCHCARD_REAL_TIME=0 the priority stays: for machines where others are at work.
    """
    os.sched_setaffinity(0, bench_cores(threads))
    _raise(0)


@contextlib.contextmanager
def pinned_and_raised(threads: int) -> Iterator[None]:
    """Inside, this thread and what it starts have those cores and that priority."""
    cores, policy, parameter = (
        os.sched_getaffinity(0),
        os.sched_getscheduler(0),
        os.sched_getparam(0),
    )
    pin_and_raise(threads)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, parameter)


def raise_all_threads(pid: int) -> None:
    """Give every thread of a running process real-time priority where the system allows."""
    for task in _tasks(pid):
        _raise(task)


def _raise(task: int) -> None:
    if os.environ.get("PUNCHCARD_REAL_TIME") == "0":
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(PRIORITY))


def _tasks(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir())
