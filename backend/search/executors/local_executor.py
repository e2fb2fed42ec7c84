"""Evaluator processes on this computer: one torch thread each, niced, restarted when they die."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.search.executor import ExecutorError, Outcome, Task
from backend.search.executors.order import ExecutorOrder
from backend.search.executors.task_queue import MAX_RETRIES, TaskQueue
from backend.search.trainers import TrainerGate

CLOSE_GRACE_S = 1.0
ENTRY = "backend.search.evaluator_main"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass
class _Process:
    popen: subprocess.Popen[bytes]
    task: Task | None = None
    buffer: bytearray = field(default_factory=bytearray)


class LocalExecutor:
    """Some evaluator processes fed through pipes, one JSON object a line.

    Each process leads its own group, so that it can be stopped together with the compilers it
    runs, and dies with the thread that started it (PR_SET_PDEATHSIG): create and use the executor
    in the runner's main thread. A task whose process dies is tried again at most twice.

    Args:
        setup: JSON object that each process gets before its first task.
        gate: where the processes register so that measurements can stop them.
        log: file that gets their stderr.
        count: number of processes.
        entry: module to run.
    """

    def __init__(
        self,
        setup: Mapping[str, Any],
        *,
        gate: TrainerGate,
        log: Path,
        count: int = 2,
        entry: str = ENTRY,
    ) -> None:
        self._setup = dict(setup)
        self._gate = gate
        self._log = log
        self._entry = entry
        self._waiting = TaskQueue()
        self._selector = selectors.DefaultSelector()
        self._checked_at = time.monotonic()
        self._idle_deaths = 0
        self._count = count
        self._processes: list[_Process] = [self._start() for _ in range(count)]

    @property
    def pids(self) -> list[int]:
        """Process ids of the evaluators; each is also the id of its group."""
        return [process.popen.pid for process in self._processes]

    def capacity(self) -> int:
        """Number of tasks that could start at once."""
        busy = sum(process.task is not None for process in self._processes)
        return self._count - busy - len(self._waiting)

    def resize(self, count: int) -> None:
        """Start or end processes; one that works is ended after its task."""
        self._count = count
        while len(self._processes) < count:
            self._processes.append(self._start())
        self._end_surplus()

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._waiting.put(task)
        self._feed()

    def poll(self, timeout_s: float) -> list[Outcome]:
        """Wait up to `timeout_s` for the end of any task."""
        outcomes: list[Outcome] = []
        self._feed()
        for key, _ in self._selector.select(timeout_s):
            process: _Process = key.data
            chunk = os.read(key.fd, 1 << 20)
            if chunk:
                process.buffer += chunk
                outcomes.extend(self._read_lines(process))
            else:
                outcomes.extend(self._replace(process))
        if time.monotonic() - self._checked_at > 2.0:
            self._checked_at = time.monotonic()
            self._gate.wake_left_behind(self.pids)
        self._feed()
        return outcomes

    def close(self) -> None:
        """End all processes and what they started."""
        for process in self._processes:
            with contextlib.suppress(OSError):
                _stdin(process).close()
            _signal(process, signal.SIGTERM)
            _signal(process, signal.SIGCONT)  # a stopped process would never see the TERM
        end = time.monotonic() + CLOSE_GRACE_S
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.0, end - time.monotonic()))
            self._reap(process)
        self._processes = []
        self._selector.close()

    def _start(self) -> _Process:
        with self._log.open("ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-m", self._entry, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=0,
                env={**os.environ, **_ONE_THREAD},
            )
        process = _Process(popen)
        self._gate.register(popen.pid)
        assert popen.stdout is not None
        self._selector.register(popen.stdout, selectors.EVENT_READ, process)
        self._send(process, {"setup": self._setup})
        return process

    def _feed(self) -> None:
        self._end_surplus()
        for process in self._processes:
            if process.task is None and self._waiting:
                process.task = self._waiting.take()
                task = process.task
                self._send(process, {"id": task.id, "kind": task.kind, "payload": task.payload})

    def _end_surplus(self) -> None:
        for process in [process for process in self._processes if process.task is None]:
            if len(self._processes) <= self._count:
                return
            self._processes.remove(process)
            self._reap(process)

    def _send(self, process: _Process, message: Mapping[str, Any]) -> None:
        # A dead reader is noticed at the other pipe, where its task is taken back.
        with contextlib.suppress(BrokenPipeError):
            _stdin(process).write(json.dumps(message).encode() + b"\n")
            _stdin(process).flush()

    def _read_lines(self, process: _Process) -> list[Outcome]:
        outcomes = []
        while b"\n" in process.buffer:
            line, _, rest = bytes(process.buffer).partition(b"\n")
            process.buffer = bytearray(rest)
            answer = json.loads(line)
            task = process.task
            if task is None or answer["id"] != task.id:
                continue
            process.task = None
            self._idle_deaths = 0
            self._waiting.finished(task)
            outcomes.append(Outcome(task, answer.get("result"), answer.get("error")))
        return outcomes

    def _replace(self, process: _Process) -> list[Outcome]:
        task = process.task
        self._reap(process)
        code = process.popen.returncode
        self._processes[self._processes.index(process)] = self._start()
        if task is None:
            self._idle_deaths += 1
            if self._idle_deaths > MAX_RETRIES:
                msg = f"the evaluator process ends as soon as it starts: see {self._log}"
                raise ExecutorError(msg)
            return []
        deaths = self._waiting.lost(task)
        if deaths is None:
            return []
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        error = f"the evaluator process died {deaths} times, last {how}: see {self._log.name}"
        return [Outcome(task, None, error)]

    def _reap(self, process: _Process) -> None:
        assert process.popen.stdout is not None
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.popen.stdout)
        _signal(process, signal.SIGKILL)
        process.popen.wait()
        process.popen.stdout.close()
        with contextlib.suppress(OSError):
            _stdin(process).close()
        self._gate.forget(process.popen.pid)


def _stdin(process: _Process) -> Any:  # noqa: ANN401 - a buffered pipe
    assert process.popen.stdin is not None
    return process.popen.stdin


def _signal(process: _Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.popen.pid, number)


def open_local(order: ExecutorOrder) -> LocalExecutor:
    """As many processes as the order says; its resources are for clusters."""
    return LocalExecutor(order.setup, gate=order.gate, log=order.log, count=order.count)
