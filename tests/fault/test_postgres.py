"""A team's database: the schema, many processes at once, locks that die, doors that stay shut."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select

from backend.devices.turn import DeviceTurn
from backend.search.study import open_storage
from backend.storage.database import Database
from backend.storage.errors import StorageError
from backend.storage.named_lock import LockTimeoutError
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Base, Evaluation
from backend.storage.version import SCHEMA_VERSION, VERSION_TABLE, read_version
from tests.fault.worker_site import ROOT
from tests.fixtures.postgres import postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    if request.param == "postgresql":
        monkeypatch.setenv("PUNCHCARD_DATABASE", server)
    opened = open_database(load_settings())
    yield opened
    opened.close()


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_that_meet_an_empty_database_make_one_schema(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_DATABASE", server)
    code = "from backend.storage.open_database import open_database; open_database()"
    processes = [start("-c", code) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    database = open_database(load_settings())
    assert read_version(database) == SCHEMA_VERSION
    assert database.label == server.replace("postgresql:", "postgresql+psycopg:")
    open_storage(database.url)  # Optuna's tables stand beside ours
    with database.engine.connect() as connection:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name in Base.metadata.tables,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize(
    ("workers", "trials"),
    [(3, 8), pytest.param(8, 200, marks=pytest.mark.slow)],
)
def test_workers_at_once_lose_and_double_nothing(
    server: str, tmp_path: Path, workers: int, trials: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_DATABASE", server)
    database = open_database(load_settings())
    name = f"study-{workers}"
    optuna.create_study(storage=open_storage(database.url), study_name=name)
    processes = [
        start("-m", "tests.fixtures.team_worker", server, name, str(trials), str(tmp_path / str(i)))
        for i in range(workers)
    ]
    assert [process.wait(500) for process in processes] == [0] * workers
    acknowledged = [int(line) for path in tmp_path.iterdir() for line in path.read_text().split()]
    study = optuna.load_study(study_name=name, storage=open_storage(database.url))
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    assert {trial.number: trial.value for trial in study.trials} == {
        number: float(number) for number in range(workers * trials)
    }
    assert sorted(acknowledged) == list(range(workers * trials))
    with database.read() as session:
        rows = select(func.count()).where(Evaluation.key.startswith(f"{name}-"))
        assert session.scalar(rows) == workers * trials


def test_a_device_is_held_by_one_and_free_when_its_holder_is_killed(database: Database) -> None:
    code = (
        "import time; from backend.devices.turn import DeviceTurn\n"
        "from backend.storage.settings import load_settings\n"
        "with DeviceTurn('pi', load_settings()): print('held', flush=True); time.sleep(600)"
    )
    holder = start("-c", code)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    settings = load_settings()
    with pytest.raises(LockTimeoutError, match="has held device pi for 0.2 s"):
        DeviceTurn("pi", settings, timeout_s=0.2).__enter__()
    with DeviceTurn("other", settings, timeout_s=0.2):
        pass
    holder.kill()
    holder.wait()
    turn = DeviceTurn("pi", settings, timeout_s=60)
    for _ in range(2):  # an error inside lets go too
        with pytest.raises(ValueError, match="inside"), turn:
            raise ValueError("inside")


def test_users_of_a_device_take_turns(database: Database) -> None:
    inside, most, done = 0, 0, 0
    counting = threading.Lock()

    def use() -> None:
        nonlocal inside, most, done
        for _ in range(5):
            with DeviceTurn("pi", load_settings()):
                with counting:
                    inside += 1
                    most = max(most, inside)
                with counting:
                    inside -= 1
                    done += 1

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (most, done) == (1, 20)


def test_broken_connection_is_told_to_the_holder(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_DATABASE", server)
    database = open_database(load_settings())
    kill = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
    with (
        pytest.raises(StorageError, match="broke while device pi was held"),
        DeviceTurn("pi", load_settings()),
        database.engine.connect() as connection,
    ):
        connection.exec_driver_sql(kill)


def test_database_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHCARD_DATABASE", "postgresql://team:secret@127.0.0.1:9/x")
    with pytest.raises(StorageError, match="cannot be reached .* start its server") as caught:
        open_database(load_settings())
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
