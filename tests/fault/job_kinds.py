"""Job kinds of the tests; the worker is told of them by `punchcard worker --kinds MODULE:NAME`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.storage.tables import Evaluation

KINDS = {
    "steps": "tests.fault.job_kinds:steps",
    "parent": "tests.fault.job_kinds:parent",
    "stubborn": "tests.fault.job_kinds:stubborn",
    "die": "tests.fault.job_kinds:die",
    "quick": "tests.fault.job_kinds:quick",
}


def acknowledge(path: Path, line: str) -> None:
    """Write a line outside the system under test, so that it outlives every kill."""
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def steps(context: JobContext) -> dict[str, Any]:
    """Store some results, one row each; go on after the last stored one."""
    folder, count = Path(context.payload["folder"]), context.payload["count"]
    acknowledge(folder / "runs", f"{context.token} {os.getpid()}")
    with context.database.read() as session:
        keys = [f"{context.job_id}-{number}" for number in range(count)]
        stored = [key for key in keys if session.get(Evaluation, key) is not None]
    for number in range(len(stored), count):
        time.sleep(context.payload["delay"])
        context.check()
        with context.write() as session:
            result = {"token": context.token}
            session.add(Evaluation(key=keys[number], result=result, created_at=time.time()))
        acknowledge(folder / "acknowledged", keys[number])
        context.milestone()
        context.progress("steps", number + 1, count)
    return {"count": count}


def parent(context: JobContext) -> None:
    """Start a child that would live for long, and wait for it."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code])
    acknowledge(Path(context.payload["folder"]) / "children", str(child.pid))
    while not context.should_stop():
        time.sleep(0.02)
    raise CancelledError


def stubborn(context: JobContext) -> None:
    """Never look whether it should stop."""
    acknowledge(Path(context.payload["folder"]) / "children", str(os.getpid()))
    while True:
        time.sleep(1)


def die(context: JobContext) -> None:
    """Die without a word, as a process that the system killed."""
    acknowledge(Path(context.payload["folder"]) / "runs", f"{context.job_id} died")
    os._exit(9)


def quick(context: JobContext) -> dict[str, Any]:
    """Say who ran, at once."""
    acknowledge(Path(context.payload["folder"]) / "runs", context.job_id)
    return {"torch": "torch" in sys.modules}
