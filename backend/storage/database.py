"""The one database: SQLite in WAL mode on one machine, PostgreSQL by URL for a team."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from backend.storage.errors import DiskFullError, StorageError

BUSY_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
_WRITES = "punchcard_writes"


class Database:
    """An engine with two kinds of transactions; its connections are never carried over a fork."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})

    @property
    def label(self) -> str:
        """The place of the database for messages, without a password."""
        url = self.engine.url
        if url.get_backend_name() == "sqlite":
            return url.database or ":memory:"
        return url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """File of an SQLite database."""
        url = self.engine.url
        return Path(url.database) if _is_sqlite(self.engine) and url.database else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database.

        Raises:
            StorageError: the database cannot be read.
        """
        with self.telling_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that owns SQLite's write lock from its start and commits at its end.

        A transaction that reads first and locks later fails at once when another has written
        between, whatever the busy timeout says; taking the lock first makes it wait its turn.

        Raises:
            StorageError: the database cannot be written; nothing of the transaction stands.
        """
        with (
            self.telling_errors(),
            Session(self._writing_engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()  # begins, and with it locks
            yield session

    @contextmanager
    def telling_errors(self) -> Iterator[None]:
        """Turn errors of the driver into one sentence each."""
        try:
            yield
        except DBAPIError as error:
            raise _explain(error, self.label) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        is_file = parsed.get_backend_name() == "sqlite"
        arguments = (
            {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
            if is_file
            else {"connect_timeout": CONNECT_TIMEOUT_S}
        )
        engine = create_engine(parsed, connect_args=arguments, pool_pre_ping=not is_file)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        missing = "psycopg" in str(error)
        reason = "PostgreSQL needs psycopg: run make install-cluster" if missing else str(error)
        msg = f"PUNCHCARD_DATABASE is not a database this installation can open: {reason}"
        raise StorageError(msg) from None
    if _is_sqlite(engine):
        event.listen(engine, "connect", _set_up_connection)
        event.listen(engine, "begin", _begin)
    return engine


def _set_up_connection(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions by itself
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",  # an acknowledged trial outlives a power cut
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _explain(error: DBAPIError, label: str) -> StorageError:
    reason = str(error.orig).lower()
    if "disk is full" in reason or "no space" in reason:
        return DiskFullError(
            f"The disk that holds the database {label} is full: free some space and try again; "
            "everything that was reported as finished is kept."
        )
    if "i/o error" in reason:
        return StorageError(
            f"The disk refused to write the database {label}: look for free space and for errors "
            "of the disk, then try again; everything that was reported as finished is kept."
        )
    if "locked" in reason:
        return StorageError(
            f"The database {label} was locked by another process for {BUSY_TIMEOUT_S} s: "
            "end that process and try again."
        )
    if "not a database" in reason or "malformed" in reason:
        return StorageError(
            f"The file {label} is not a readable Punchcard database: put a backup in its place, "
            "or set PUNCHCARD_HOME to another folder."
        )
    if "unable to open" in reason or "readonly" in reason or "permission" in reason:
        return StorageError(
            f"The database {label} cannot be opened for writing: check who owns the file and its "
            "folder, or set PUNCHCARD_HOME to a folder that you may write."
        )
    if "connection failed" in reason or "failed to resolve" in reason or "closed" in reason:
        cause = " ".join(str(error.orig).split())
        return StorageError(
            f"The database {label} cannot be reached ({cause}): start its server, or correct "
            "PUNCHCARD_DATABASE; everything that was reported as finished is kept."
        )
    if isinstance(error, OperationalError):
        return StorageError(f"The database {label} cannot be used ({error.orig}).")
    return StorageError(f"The database {label} refused a change ({error.orig}).")
