"""Evaluators as actors of a Ray cluster; what a lost machine worked on is tried again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from backend.search.executor import ExecutorError, Outcome, Task
from backend.search.executors.cluster_setup import pack_setup
from backend.search.executors.node_evaluator import (
    OUTPUT,
    NodeEvaluator,
    machine_identity,
    punchcard_version,
)
from backend.search.executors.order import ExecutorOrder
from backend.search.executors.ray_cluster import check_room, connect
from backend.search.executors.task_queue import MAX_RETRIES, TaskQueue
from backend.storage.archives import pack_folder, unpack_folder
from backend.storage.artifacts import open_artifacts

ENTRY = "backend.search.evaluator:make_handlers"
_CHECK_S = 2.0


@dataclass(eq=False)
class _Seat:
    """An actor: opening until it has introduced itself, then idle or at work."""

    actor: Any
    pending: Any = None  # what Ray will answer, or None
    is_open: bool = False
    task: Task | None = None
    archives: dict[str, str] = field(default_factory=dict)  # of the folders the task was given
    local_pid: int | None = None  # on this machine, where measurements have to stop it
    host: str = "?"


def open_ray(order: ExecutorOrder) -> RayExecutor:
    """Join the cluster of the order's configuration.

    Raises:
        ExecutorError: it cannot be joined, or has no room.
    """
    return RayExecutor(order)


class RayExecutor:
    """Actors that keep their setup, one task each at a time.

    An actor that dies, with its machine or alone, is replaced wherever the cluster has room; its
    task is tried again at most twice. Folders travel through the artefact store, so no disk is
    shared; actors on this machine register with the gate as local processes do.

    Args:
        order: where, with what and how many.
        entry: "module:function" that makes the handlers.

    Raises:
        ExecutorError: the cluster cannot be joined, or has no room for one evaluation.
    """

    def __init__(self, order: ExecutorOrder, entry: str = ENTRY) -> None:
        self._order = order
        self._store = open_artifacts(order.settings)
        self._waiting = TaskQueue()
        self._idle_deaths = 0
        self._checked_at = time.monotonic()
        self._machine = machine_identity()
        self._count = order.count
        self._seats: list[_Seat] = []
        self._ray = connect(order.config)
        try:
            check_room(self._ray, order.config)
            config = order.config
            options = {"num_cpus": config.cpus, "num_gpus": config.gpus, "max_restarts": 0}
            self._actor_class = self._ray.remote(**options)(NodeEvaluator)
            self._arguments = (
                entry,
                pack_setup(order.setup, order.settings, self._store),
                self._store.url,
            )
            self._seats = [self._start() for _ in range(self._count)]
        except BaseException:
            self.close()
            raise

    @property
    def hosts(self) -> list[str]:
        """Machine of each open evaluator."""
        return [seat.host for seat in self._seats if seat.is_open]

    def capacity(self) -> int:
        """Number of tasks that could start at once: evaluators that are open and idle."""
        busy = sum(seat.task is not None for seat in self._seats)
        is_open = sum(seat.is_open for seat in self._seats)
        return min(is_open, self._count) - busy - len(self._waiting)

    def resize(self, count: int) -> None:
        """Start or end actors; one that works is ended after its task."""
        self._count = count
        while len(self._seats) < count:
            self._seats.append(self._start())
        self._end_surplus()

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._waiting.put(task)
        self._feed()

    def poll(self, timeout_s: float) -> list[Outcome]:
        """Wait up to `timeout_s` for the end of any task."""
        pending = {seat.pending: seat for seat in self._seats if seat.pending is not None}
        if not pending:
            time.sleep(timeout_s)
            return []
        references = list(pending)
        done, _ = self._ray.wait(references, num_returns=1, timeout=timeout_s)
        if done:
            done, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        outcomes: list[Outcome] = []
        for reference in done:
            outcomes.extend(self._take(pending[reference], reference))
        if time.monotonic() - self._checked_at > _CHECK_S:
            self._checked_at = time.monotonic()
            pids = [seat.local_pid for seat in self._seats if seat.local_pid is not None]
            self._order.gate.wake_left_behind(pids)
        self._feed()
        return outcomes

    def close(self) -> None:
        """End all actors and leave the cluster."""
        for seat in self._seats:
            self._end(seat)
        self._seats = []
        self._ray.shutdown()

    def _start(self) -> _Seat:
        actor = self._actor_class.remote(*self._arguments)
        return _Seat(actor, actor.introduce.remote())

    def _end(self, seat: _Seat) -> None:
        if seat.local_pid is not None:
            self._order.gate.forget(seat.local_pid)
        self._ray.kill(seat.actor)

    def _end_surplus(self) -> None:
        idle = [seat for seat in self._seats if seat.task is None]
        for seat in sorted(idle, key=lambda seat: seat.is_open):  # unopened ones first
            if len(self._seats) <= self._count:
                return
            self._seats.remove(seat)
            self._end(seat)

    def _feed(self) -> None:
        self._end_surplus()
        for seat in self._seats:
            if seat.is_open and seat.task is None and self._waiting:
                seat.task = self._waiting.take()
                seat.archives = self._archives_of(seat.task)
                seat.pending = seat.actor.work.remote(
                    seat.task.kind, dict(seat.task.payload), seat.archives
                )

    def _archives_of(self, task: Task) -> dict[str, str]:
        """Whatever folders of this machine the payload names, packed and stored."""
        folders = {
            key: Path(value)
            for key, value in task.payload.items()
            if isinstance(value, str) and value.startswith("/") and Path(value).is_dir()
        }
        return {
            key: self._store.put(pack_folder(folder, owner=uuid4().hex))
            for key, folder in folders.items()
        }

    def _take(self, seat: _Seat, reference: Any) -> list[Outcome]:  # noqa: ANN401 - Ray's
        seat.pending = None
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = " ".join(str(error.cause).split())
            if seat.task is None:
                msg = f"an evaluator of the Ray cluster cannot start: {cause}"
                raise ExecutorError(msg) from error
            task, seat.task = seat.task, None
            return [Outcome(task, None, cause)]
        except self._ray.exceptions.RayError as error:
            return self._replace(seat, " ".join(str(error).split())[:300])
        if seat.task is None:
            self._welcome(seat, answer)
            return []
        task, seat.task = seat.task, None
        self._idle_deaths = 0
        self._waiting.finished(task)
        if answer.get("trace"):
            with self._order.log.open("a", encoding="utf-8") as log:
                log.write(answer["trace"])
        made = answer.get("archive")
        if made is not None:
            unpack_folder(self._store.get(made), Path(task.payload[OUTPUT]))
            self._store.remove(made)
        for archive in seat.archives.values():
            self._store.remove(archive)
        return [Outcome(task, answer.get("result"), answer.get("error"))]

    def _welcome(self, seat: _Seat, answer: dict[str, Any]) -> None:
        mine = punchcard_version()
        if answer["version"] != mine:
            msg = (
                f"machine {answer['host']} of the Ray cluster runs Punchcard {answer['version']}, "
                f"this one {mine}: install the same version on both"
            )
            raise ExecutorError(msg)
        seat.is_open, seat.host = True, answer["host"]
        if answer["machine"] == self._machine:
            seat.local_pid = int(answer["pid"])
            self._order.gate.register(seat.local_pid)

    def _replace(self, seat: _Seat, reason: str) -> list[Outcome]:
        task = seat.task
        self._end(seat)
        self._seats[self._seats.index(seat)] = self._start()
        if task is None:
            self._idle_deaths += 1
            if self._idle_deaths > MAX_RETRIES * max(1, self._count):
                msg = f"evaluators of the Ray cluster end as soon as they start: {reason}"
                raise ExecutorError(msg)
            return []
        deaths = self._waiting.lost(task)
        if deaths is None:
            return []
        error = f"the evaluator on {seat.host} died {deaths} times, last because: {reason}"
        return [Outcome(task, None, error)]
