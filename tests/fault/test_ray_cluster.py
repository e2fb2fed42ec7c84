"""A real Ray cluster on loopback: answers, folders, lost machines, closed doors, random kills."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import optuna
import psutil
import pytest

from backend.config.executor_config import ExecutorConfig
from backend.search.executor import ExecutorError, Outcome, Task
from backend.search.executors.order import ExecutorOrder, open_executor
from backend.search.executors.ray_executor import RayExecutor
from backend.search.study import open_storage
from backend.search.trainers import TrainerGate
from backend.services.searches import get_search, start_search
from backend.storage.settings import load_settings
from tests.fault.worker_site import ROOT, Site, is_alive, wait_until
from tests.fixtures.ray_site import RaySite, ray_site

ENTRY = "tests.unit.backend.search.odd_evaluator:make_handlers"
KINDS = "tests.fault.search_parts:KINDS"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySite]:
    """A head with room for evaluators; its machines have a data folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PUNCHCARD_HOME", str(tmp_path_factory.mktemp("node")))
        patch.setenv("FAULT_FOLDER", str(tmp_path_factory.mktemp("faults")))
        with ray_site(head_cpus=2) as site:
            site.folder = Path(os.environ["FAULT_FOLDER"])
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

    twins = [tmp_path / "candidates" / name for name in ("two", "three")]
    for twin in twins:  # the same content, stored once for each
        executor.submit(Task(twin.name, "extend", {"folder": str(twin), "line": "same"}))
    assert {outcome.error for outcome in collect(executor, 2).values()} == {None}
    assert {(twin / "lines").read_text() for twin in twins} == {"same\n"}
    earlier = {"folder": str(tmp_path / "four"), "earlier": str(twins[0]), "line": ""}
    executor.submit(Task("four", "extend", earlier))  # reads another folder of this machine
    assert collect(executor, 1)["four"].error is None
    assert (tmp_path / "four" / "lines").read_text() == "same\n"
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file()][1:]

    executor.resize(1)
    assert executor.capacity() == 1
    executor.resize(3)
    wait_until(lambda: not executor.poll(0.1) and executor.capacity() == 3)


def test_measurements_stop_evaluators_on_this_machine(
    start: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    executor = start(1)
    executor.submit(Task("slow", "slow", {"place": f"at {tmp_path}"}))
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
    executor.submit(Task("once", "die", {"place": f"at {tmp_path}/once", "times": 1}))
    executor.submit(Task("always", "die", {"place": f"at {tmp_path}/always", "times": 9}))
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
    executor.submit(Task("slow", "slow", {"place": f"at {tmp_path}"}))
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


def finished(search_id: str) -> dict[str, tuple[float | None, float | None]]:
    trials = get_search(search_id).trials
    return {t.id: (t.accuracy, t.latency_ms) for t in trials if t.state == "done"}


class Victims:
    """What a search consists of, each part ready to be killed; a killed part is replaced."""

    def __init__(self, site: Site, cluster: RaySite, job_id: str) -> None:
        self._site = site
        self._cluster = cluster
        self._job_id = job_id
        self._worker = site.start_worker(KINDS)
        self._cluster.add_node(cpus=1)

    def evaluator(self) -> None:
        living = [int(p.name) for p in (self._cluster.folder / "pids").iterdir()]
        living = [pid for pid in living if is_alive(pid)]
        if living:
            os.kill(max(living), signal.SIGKILL)

    def node(self) -> None:
        self._cluster.add_node(cpus=1)
        self._cluster.kill_node()

    def runner(self) -> None:
        pid = self._site.job(self._job_id).pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def worker(self) -> None:
        self._worker.kill()
        self._worker.wait()
        runner = self._site.job(self._job_id).pid
        wait_until(lambda: runner is None or not is_alive(runner), PATIENCE_S)
        self._worker = self._site.start_worker(KINDS)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kills", "trials", "seed"),
    [
        (6, 60, 0),
        pytest.param(50, 500, 1, marks=pytest.mark.slow),
    ],  # ten for each kill: none is idle
)
def test_search_survives_kills_of_worker_runner_evaluator_and_node(
    cluster: RaySite,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
    trials: int,
    seed: int,
) -> None:
    monkeypatch.setenv("FAULT_FOLDER", str(cluster.folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PUNCHCARD_MAX_CRASHES", "1000")
    monkeypatch.setenv("PUNCHCARD_ARTIFACTS", str(site.folder / "shared"))
    search_id = start_search(
        {
            "model": "resnet8",
            "sampler": "random",
            "seed": seed,
            "reuse": False,
            "workers": 3,
            "budget": {"trials": trials},
            "executor": {"kind": "ray", "address": cluster.address, "cpus": 0.5},
        }
    )
    job_id = get_search(search_id).job_id
    assert job_id is not None
    victims = Victims(site, cluster, job_id)
    kinds = [("evaluator", "node", "runner", "worker")[turn % 4] for turn in range(kills)]
    Random(seed).shuffle(kinds)
    acknowledged: dict[str, tuple[float | None, float | None]] = {}
    for kind in kinds:
        before = len(acknowledged)
        wait_until(lambda before=before: len(finished(search_id)) > before, PATIENCE_S)
        acknowledged |= finished(search_id)
        getattr(victims, kind)()
    wait_until(lambda: site.job(job_id).state in ("done", "failed"), PATIENCE_S + 5 * kills)
    view = get_search(search_id)
    assert (view.state, view.error) == ("done", None)
    assert view.finished_trials == trials
    assert {key: finished(search_id)[key] for key in acknowledged} == acknowledged
    stored = optuna.load_study(study_name=search_id, storage=open_storage(site.database.url))
    assert {trial.state.name for trial in stored.trials} <= {"COMPLETE", "FAIL"}
    candidates = [t.user_attrs["candidate"] for t in stored.trials if t.state.name == "COMPLETE"]
    assert len(candidates) == len(set(candidates)) == trials
    front = set(view.front)
    assert front
    assert all((trial.test_accuracy == 0.9) == (trial.id in front) for trial in view.trials)
