"""Evaluator processes: answers, deaths, stops; the processes are real, the work is not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backend.search.executor import ExecutorError, Outcome, Task
from backend.search.executors.local_executor import LocalExecutor
from backend.search.trainers import TrainerGate

ROOT = Path(__file__).parents[4]
ENTRY = "tests.unit.backend.search.odd_evaluator"
PATIENCE_S = 120.0


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalExecutor]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found = LocalExecutor(
        {"greeting": "hello"}, gate=TrainerGate(tmp_path), log=tmp_path / "log", entry=ENTRY
    )
    yield found
    found.close()


def collect(executor: LocalExecutor, count: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    end = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < end
        found |= {outcome.task.id: outcome for outcome in executor.poll(0.2)}
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_tasks_are_answered_and_errors_are_told(executor: LocalExecutor, tmp_path: Path) -> None:
    assert executor.capacity() == 2
    for index in range(3):
        executor.submit(Task(str(index), "echo", {"index": index}))
    executor.submit(Task("bad", "refuse"))
    executor.submit(Task("broken", "break"))
    assert executor.capacity() == -3
    found = collect(executor, 5)
    assert [found[str(i)].result for i in range(3)] == [
        {"index": i, "greeting": "hello"} for i in range(3)
    ]
    assert found["bad"].error == "the layer 'x' is no layer"
    assert found["broken"].error == "ZeroDivisionError: integer division or modulo by zero"
    assert "Traceback" in (tmp_path / "log").read_text()
    assert executor.capacity() == 2


def test_killed_evaluator_is_replaced_and_its_task_tried_again(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    before = set(executor.pids)
    executor.submit(Task("t", "die", {"times": 2, "folder": str(tmp_path)}))
    assert collect(executor, 1)["t"].result == {"deaths": 2}
    assert set(executor.pids) != before
    executor.submit(Task("u", "die", {"times": 9, "folder": str(tmp_path / "none")}))
    error = collect(executor, 1)["u"].error
    assert error is not None and "died 3 times, last by signal 9" in error


def test_evaluator_that_cannot_start_is_an_error_not_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executor = LocalExecutor(
        {}, gate=TrainerGate(tmp_path), log=tmp_path / "log", count=1, entry="no.such.module"
    )
    try:
        with pytest.raises(ExecutorError, match="ends as soon as it starts"):
            collect(executor, 1)
    finally:
        executor.close()


def test_closing_ends_stopped_processes_and_their_children(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.submit(Task("c", "child", {"folder": str(tmp_path)}))
    executor.submit(Task("d", "child", {"folder": str(tmp_path)}))
    wait_until(lambda: len(list(tmp_path.glob("child-*"))) == 2)
    children = [int(path.name.partition("-")[2]) for path in tmp_path.glob("child-*")]
    pids = executor.pids
    os.killpg(pids[0], signal.SIGSTOP)
    executor.close()
    for pid in [*pids, *children]:
        wait_until(lambda pid=pid: not _runs(pid))


def test_gate_stops_trainers_and_lets_them_go_on_even_after_an_error(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.submit(Task("a", "echo"))
    collect(executor, 1)
    gate = TrainerGate(tmp_path)
    with pytest.raises(ValueError, match="measuring broke"), gate.closed():
        assert {psutil.Process(pid).status() for pid in executor.pids} == {"stopped"}
        msg = "measuring broke"
        raise ValueError(msg)
    executor.submit(Task("b", "echo"))
    assert collect(executor, 1)["b"].error is None


def test_trainers_left_stopped_by_a_dead_measurement_are_woken(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.submit(Task("a", "echo"))
    collect(executor, 1)
    for pid in executor.pids:
        os.killpg(pid, signal.SIGSTOP)
    executor.submit(Task("b", "echo"))
    assert collect(executor, 1)["b"].error is None


def test_gate_lets_one_measurement_in_at_a_time(tmp_path: Path) -> None:
    with (
        TrainerGate(tmp_path).closed(),
        pytest.raises(TimeoutError, match="another latency measurement"),
        TrainerGate(tmp_path).closed(timeout_s=0.05),
    ):
        pass


def test_gate_forgets_processes_that_are_gone(tmp_path: Path) -> None:
    gate = TrainerGate(tmp_path)
    (tmp_path / "trainers" / str(os.getpid())).write_text("1.0")  # another process had this id
    with gate.closed():
        assert not list((tmp_path / "trainers").iterdir())


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
