"""Locks by name that die with their holder: a file's lock on one machine, PostgreSQL's for a team.

No row with a heartbeat: a holder that was stopped still holds, and one that was killed holds
nothing from that moment on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.storage.database import Database
from backend.storage.errors import StorageError
from backend.storage.machine_lock import machine_lock

_POLL_S = 0.05
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_FREE = text("SELECT pg_advisory_unlock(:key)")


class LockTimeoutError(StorageError, TimeoutError):
    """Another process does not let go of a lock."""


@contextmanager
def named_lock(database: Database, name: str, folder: Path, timeout_s: float) -> Iterator[None]:
    """Hold a lock that every process over the same database respects.

    Args:
        database: an SQLite file's processes are all on this machine, so a file is locked there.
        name: of what is held.
        folder: for those files.
        timeout_s: how long to wait.

    Raises:
        LockTimeoutError: another process has held it for that long.
        StorageError: the database was lost meanwhile, and with it the lock.
    """
    if database.path is not None:
        lock = machine_lock(folder, name)
        try:
            lock.acquire(timeout=timeout_s, poll_interval=_POLL_S)
        except Timeout:
            raise _too_long(name, timeout_s) from None
        try:
            yield
        finally:
            lock.release()
        return
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with database.telling_errors(), engine.connect() as connection:
        _wait(connection, key, name, timeout_s)
        try:
            yield
        except BaseException:
            _free(connection, key)  # the connection lives on in its pool
            raise
        if not _free(connection, key):
            msg = (
                f"The connection to the database {database.label} broke while {name} was held, "
                "so that others may have used it too: do it again."
            )
            raise StorageError(msg)


def _wait(connection: Connection, key: int, name: str, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not connection.scalar(_TRY, {"key": key}):
        if time.monotonic() >= end:
            raise _too_long(name, timeout_s)
        time.sleep(_POLL_S)


def _free(connection: Connection, key: int) -> bool:
    try:
        return bool(connection.scalar(_FREE, {"key": key}))
    except DBAPIError:
        connection.invalidate()
        return False


def _too_long(name: str, timeout_s: float) -> LockTimeoutError:
    return LockTimeoutError(f"Another process has held {name} for {timeout_s:g} s: try later.")
