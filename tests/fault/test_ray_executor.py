"""Evaluators of a real Ray cluster on loopback: answers, folders, lost machines, closed doors."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backend.config.executor_config import ExecutorConfig
from backend.search.executor import ExecutorError, Outcome, Task
from backend.search.executors import ExecutorOrder, open_executor
from backend.search.executors.ray_executor import RayExecutor
from backend.search.trainers import TrainerGate
from backend.storage.settings import load_settings
from tests.fault.worker_site import ROOT, wait_until
from tests.fixtures.ray_site import RaySite, ray_site

ENTRY = "tests.unit.backend.search.odd_evaluator:make_handlers"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySite]:
    """A head with room for evaluators; its machines have a data folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PUNCHCARD_HOME", str(tmp_path_factory.mktemp("node")))
        with ray_site(head_cpus=2) as site:
            yield site


@pytest.fixture
def start(
    cluster: RaySite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., RayExecutor]]:
    monkeypatch.setenv("PUNCHCARD_ARTIFACTS", f"file://{tmp_path}/shared")
    opened: list[RayExecutor] = []

    def begin(
        count: int = 2, setup: dict[str, object] | None = None, **config: float
    ) -> RayExecutor:
        wanted = ExecutorConfig(kind="ray", address=cluster.address, **{"cpus": 0.5, **config})
        settings = load_settings()
        settings.make_folders()
        order = ExecutorOrder(
            wanted, settings, setup or {}, TrainerGate(tmp_path), tmp_path / "log", count
        )
        opened.append(RayExecutor(order, entry=ENTRY))
        return opened[-1]

    yield begin
    for executor in opened:
        executor.close()


def collect(executor: RayExecutor, count: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    end = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < end
        found |= {outcome.task.id: outcome for outcome in executor.poll(0.2)}
    return found


def test_tasks_are_answered_and_folders_travel_without_a_shared_disk(
    start: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    home = load_settings().home
    (home / "graph").write_text("content")
    setup = {"graph": str(home / "graph"), "cache": str(home / "cache" / "x"), "data": "sample"}
    executor = start(2, setup)
    for index in range(3):
        executor.submit(Task(str(index), "echo", {"index": index}))
    executor.submit(Task("bad", "refuse"))
    executor.submit(Task("broken", "break"))
    found = collect(executor, 5)
    answers = [found[str(index)].result for index in range(3)]
    assert [answer and answer["index"] for answer in answers] == [0, 1, 2]
    for answer in answers:
        assert answer is not None
        assert Path(answer["graph"]).read_text() == "content"
        assert str(home) not in answer["cache"]
        assert answer["cache"].endswith("/cache/x")
    assert (found["bad"].error or "").endswith(": the layer 'x' is no layer")
    assert "ZeroDivisionError: integer division" in (found["broken"].error or "")
    assert "Traceback" in (tmp_path / "log").read_text()
    wait_until(lambda: not executor.poll(0.1) and executor.capacity() == 2)

    folder = tmp_path / "candidates" / "one"
    for line in ("first", "second"):  # the second task finds what the first has left
        executor.submit(Task(line, "extend", {"folder": str(folder), "line": line}))
        result = collect(executor, 1)[line].result
        assert result is not None
        assert not Path(result["folder"]).exists()  # nothing stays on the other machine
    assert (folder / "lines").read_text() == "first\nsecond\n"

    executor.resize(1)
    assert executor.capacity() == 1
    executor.resize(3)
    wait_until(lambda: not executor.poll(0.1) and executor.capacity() == 3)


def test_measurements_stop_evaluators_on_this_machine(
    start: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    executor = start(1)
    executor.submit(Task("slow", "slow", {"place": str(tmp_path)}))
    wait_until(lambda: not executor.poll(0.1) and bool(list(tmp_path.glob("begun-*"))))
    pid = int(next(tmp_path.glob("begun-*")).name.removeprefix("begun-"))
    assert os.getpgid(pid) == pid  # the raylet itself is never stopped
    with TrainerGate(tmp_path).closed():
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    (tmp_path / "go").touch()
    assert collect(executor, 1)["slow"].result == {"pid": pid}


def test_task_that_kills_its_evaluator_is_tried_three_times(
    start: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    executor = start(1)
    executor.submit(Task("once", "die", {"place": str(tmp_path / "once"), "times": 1}))
    executor.submit(Task("always", "die", {"place": str(tmp_path / "always"), "times": 9}))
    executor.submit(Task("after", "echo", {"index": 1}))
    found = collect(executor, 3)
    assert found["once"].result == {"deaths": 1}
    assert found["after"].result == {"index": 1}
    assert "died 3 times, last because" in (found["always"].error or "")
    assert len(list((tmp_path / "always").iterdir())) == 3


def test_task_of_a_lost_machine_is_done_on_another(
    cluster: RaySite, start: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    with pytest.raises(ExecutorError, match="no machine .* 0.5 CPU and 1 GPU; there are: 2 CPU, 0"):
        start(1, gpus=1)
    cluster.add_node(cpus=1, gpus=1)
    executor = start(1, gpus=1)
    executor.submit(Task("gpus", "where", {}))
    assert collect(executor, 1)["gpus"].result == {"gpus": "0"}
    executor.submit(Task("slow", "slow", {"place": str(tmp_path)}))
    wait_until(lambda: not executor.poll(0.1) and len(list(tmp_path.glob("begun-*"))) == 1)
    cluster.add_node(cpus=1, gpus=1)
    cluster.kill_node()
    wait_until(lambda: not executor.poll(0.1) and len(list(tmp_path.glob("begun-*"))) == 2)
    (tmp_path / "go").touch()
    pids = {int(path.name.removeprefix("begun-")) for path in tmp_path.glob("begun-*")}
    result = collect(executor, 1)["slow"].result
    assert result is not None
    assert result["pid"] in pids


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:{closed}", r"there is no Ray cluster at 127.0.0.1:\d+ \(connection refused\)"),
        ("nonsense", "executor.address is HOST:PORT of a Ray cluster's head, not 'nonsense'"),
    ],
)
def test_cluster_that_cannot_be_reached_is_one_sentence(
    address: str, sentence: str, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = address.format(closed=closed.getsockname()[1])
    config = ExecutorConfig(kind="ray", address=place)
    order = ExecutorOrder(config, load_settings(), {}, TrainerGate(tmp_path), tmp_path / "log", 1)
    with pytest.raises(ExecutorError, match=sentence):
        open_executor(order)
