"""The database: made, migrated, copied first; and one sentence for each way to be unusable."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from backend.storage import database, migrate
from backend.storage import open_database as opening
from backend.storage.database import Database
from backend.storage.errors import DiskFullError, NewerDatabaseError, StorageError
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Base, Evaluation
from backend.storage.version import SCHEMA_VERSION, VERSION_TABLE, read_version

ROOT = Path(__file__).parents[4]


def evaluation(key: str, size: int = 1) -> Evaluation:
    return Evaluation(key=key, result={"text": "x" * size}, created_at=0.0)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_fresh_database_has_the_tables_of_the_program() -> None:
    database = open_database()
    with database.engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
    assert read_version(database) == SCHEMA_VERSION
    assert open_database() is database


def test_newest_migration_is_the_version_that_the_program_knows() -> None:
    scripts = ScriptDirectory(str(Path(migrate.__file__).with_name("migrations")))
    assert scripts.get_current_head() == SCHEMA_VERSION


def test_connections_obey_the_rules_of_storage() -> None:
    with open_database().read() as session:
        values = [
            session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 2, 1, 30_000]


def test_optunas_tables_and_versions_fit_beside_ours() -> None:
    import optuna

    database = open_database()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(database.url)
    optuna.create_study(storage=storage, study_name="s").add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    tables = inspect(database.engine).get_table_names()
    assert {"alembic_version", VERSION_TABLE, "studies", "searches"} <= set(tables)
    database.close()
    reopened = Database(database.url)
    assert read_version(reopened) == SCHEMA_VERSION
    reopened.close()


def test_database_of_a_newer_version_is_refused_untouched(private_home: Path) -> None:
    open_database().close()
    opening._opened.clear()
    path = private_home / "punchcard.db"
    change(path, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match=r"newer Punchcard \(schema 0999") as raised:
        open_database()
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before
    assert not (private_home / "backups").exists()


def test_older_database_is_copied_before_it_is_migrated(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database()
    with database.write() as session:
        session.add(evaluation("kept"))
    opening._opened.clear()
    # A later program: it knows one version more, whose step adds nothing.
    versions = private_home / "program" / "versions"
    versions.mkdir(parents=True)
    shipped = Path(migrate.__file__).with_name("migrations")
    for source in (shipped / "env.py", *(shipped / "versions").glob("v*.py")):
        folder = versions if source.parent.name == "versions" else versions.parent
        (folder / source.name).write_text(source.read_text())
    (versions / "v9999_next.py").write_text(
        f'revision = "9999"\ndown_revision = "{SCHEMA_VERSION}"\n\n\n'
        "def upgrade() -> None:\n    pass\n"
    )
    monkeypatch.setattr(migrate, "_MIGRATIONS", versions.parent)
    for module in (migrate, opening):
        monkeypatch.setattr(module, "SCHEMA_VERSION", "9999")
    assert read_version(open_database()) == "9999"
    (copy,) = (private_home / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("SELECT key FROM evaluations").fetchall()
    assert rows == [("kept",)]


def test_database_of_the_first_release_is_brought_up_to_date(private_home: Path) -> None:
    """Rows stay, and the tables are those that a fresh database has."""
    settings = load_settings()
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    engine = create_engine(f"sqlite:///{settings.home / 'punchcard.db'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        config.attributes["version_table"] = VERSION_TABLE
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO evaluations (key, result, folder, created_at) "
                "VALUES ('kept', '{}', '', 0)"
            )
        )
    engine.dispose()
    database = open_database()
    assert read_version(database) == SCHEMA_VERSION
    with database.read() as session:
        assert session.get(Evaluation, "kept") is not None
    assert set(inspect(database.engine).get_table_names()) >= set(Base.metadata.tables)


def test_file_that_is_no_database_is_named(private_home: Path) -> None:
    (private_home / "punchcard.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StorageError, match="is not a readable Punchcard database"):
        open_database()


@pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/x", "sqlite:////proc/no/x.db"])
def test_impossible_addresses_are_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHCARD_DATABASE", url)
    with pytest.raises(StorageError) as raised:
        open_database()
    assert "\n" not in str(raised.value)


def test_home_that_cannot_be_made_is_named(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (private_home / "file").write_text("")
    monkeypatch.setenv("PUNCHCARD_HOME", str(private_home / "file" / "home"))
    with pytest.raises(StorageError, match="set PUNCHCARD_HOME"):
        open_database()


def test_database_that_another_process_locks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    open_database()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    impatient = Database(load_settings().database_url)
    with closing(sqlite3.connect(load_settings().home / "punchcard.db")) as holder:
        holder.execute("BEGIN IMMEDIATE")
        locked = pytest.raises(StorageError, match="was locked by another process")
        with locked, impatient.write():
            pass
    with impatient.write() as session:
        session.add(evaluation("later"))
    impatient.close()


def test_failed_transaction_leaves_nothing() -> None:
    database = open_database()
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.add(evaluation("half"))
        session.flush()
        raise ZeroDivisionError
    with database.read() as session:
        assert session.get(Evaluation, "half") is None


def test_full_disk_is_one_sentence_and_passes(private_home: Path) -> None:
    """A limit on file sizes stands for the full disk; what was stored before is kept."""
    code = """
import resource, signal, sys
from backend.storage.open_database import open_database
from backend.storage.errors import DiskFullError, StorageError
from backend.storage.tables import Evaluation
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = open_database()
def store(key, size):
    with database.write() as session:
        session.add(Evaluation(key=key, result={"text": "x" * size}, created_at=0.0))
store("before", 10)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
try:
    store("large", 2_000_000)
except StorageError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store("after", 2_000_000)
with database.read() as session:
    print([session.get(Evaluation, key) is not None for key in ("before", "large", "after")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sentence, kept = done.stdout.splitlines()
    assert sentence.startswith("The disk ")
    assert sentence.endswith("everything that was reported as finished is kept.")
    assert kept == "[True, False, True]"


def test_no_space_left_is_told_as_such() -> None:
    from sqlalchemy.exc import OperationalError

    database = open_database()
    full = pytest.raises(DiskFullError, match="is full: free some space")
    with full, database.telling_errors():
        raise OperationalError("", None, sqlite3.OperationalError("database or disk is full"))
