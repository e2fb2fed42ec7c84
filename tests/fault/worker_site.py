"""A database and real workers for the tests of this folder."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from backend.storage.database import Database
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Job

ROOT = Path(__file__).parents[2]
KINDS = "tests.fault.job_kinds:KINDS"


def wait_until(condition: Callable[[], bool], within_s: float = 120.0) -> None:
    """Poll a condition; the limit is generous because the machine may be busy."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def lines(path: Path) -> list[str]:
    """Lines of a file that may not be there yet."""
    return path.read_text().splitlines() if path.exists() else []


def stop_outside_transactions(pid: int, database: Path) -> None:
    """Send STOP so that the process does not hold SQLite's write lock while it sleeps."""

    def is_lock_free() -> bool:
        with closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def stop() -> bool:
        os.kill(pid, signal.SIGSTOP)
        if is_lock_free():
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    wait_until(stop)


class Site:
    """A database and the workers that a test starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database: Database = open_database(load_settings())
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, kinds: str = KINDS) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", "backend.cli.main", "worker", "--kinds", kinds],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )
        self.workers.append(worker)
        return worker

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def wait_for(self, job_id: str, *states: str) -> Job:
        wait_until(lambda: self.job(job_id).state in states)
        return self.job(job_id)
