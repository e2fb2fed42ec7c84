"""Stops every training process of this installation while a latency is taken.

Trainers write their process group into one folder. Whoever holds the timing lock stops all of
them, its own and those of other searches, and lets them go on afterwards. The lock is a `flock`:
it dies with its holder, and so a trainer found stopped while the lock is free was left behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from codegen.errors import PunchcardError

STOP_TIMEOUT_S = 2.0


class GateTimeoutError(PunchcardError, TimeoutError):
    """Another measurement does not end."""


class TrainerGate:
    """The timing lock and the registered trainers of one installation."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "trainers"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(str(home / "timing.lock"))

    def register(self, pid: int) -> None:
        """Note a trainer that leads its own process group."""
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            (self._folder / str(pid)).write_text(repr(started))

    def forget(self, pid: int) -> None:
        """Drop a trainer that has ended."""
        (self._folder / str(pid)).unlink(missing_ok=True)

    @contextlib.contextmanager
    def closed(self, timeout_s: float = 600.0) -> Iterator[None]:
        """Hold the lock with all trainers stopped; they go on afterwards, errors or not.

        Raises:
            GateTimeoutError: another measurement held the lock for `timeout_s`.
        """
        try:
            self._lock.acquire(timeout=timeout_s, poll_interval=0.02)
        except Timeout:
            msg = f"another latency measurement has held the lock for {timeout_s:g} s"
            raise GateTimeoutError(msg) from None
        try:
            self._signal_all(signal.SIGSTOP)
            self._wait_until_stopped()
            yield
        finally:
            self._signal_all(signal.SIGCONT)
            self._lock.release()

    def wake_left_behind(self, pids: list[int]) -> None:
        """Let stopped trainers go on when no measurement is running any more."""
        if not any(_is_stopped(pid) for pid in pids):
            return
        with contextlib.suppress(Timeout):
            self._lock.acquire(timeout=0)
            try:
                for pid in pids:
                    _signal_group(pid, signal.SIGCONT)
            finally:
                self._lock.release()

    def _living(self) -> list[int]:
        found = []
        for entry in self._folder.iterdir():
            try:
                pid = int(entry.name)
                started = float(entry.read_text())
                alive = abs(psutil.Process(pid).create_time() - started) < 0.01
            except (ValueError, OSError, psutil.NoSuchProcess):
                alive = False
            if alive:
                found.append(pid)
            else:
                entry.unlink(missing_ok=True)  # a process id is used again some day
        return found

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._living():
            _signal_group(pid, number)

    def _wait_until_stopped(self) -> None:
        end = time.monotonic() + STOP_TIMEOUT_S
        for pid in self._living():
            while not _is_stopped(pid) and time.monotonic() < end:
                time.sleep(0.002)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
    except psutil.NoSuchProcess:
        return True
