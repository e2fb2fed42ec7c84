"""`punchcard worker`: the process that runs jobs."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    kinds: Annotated[
        str,
        typer.Option(
            help="Registry of job kinds, MODULE:NAME; tests bring their own.", hidden=True
        ),
    ] = "",
) -> None:
    """Run jobs until it is stopped; what it leaves unfinished is taken up again."""
    from backend.jobs.launch import DEFAULT_KINDS
    from backend.jobs.log import open_log
    from backend.jobs.worker import Worker
    from backend.storage.open_database import open_database
    from backend.storage.settings import load_settings

    settings = load_settings()
    database = open_database(settings)
    log = open_log(settings.logs / "worker.jsonl")
    running = Worker(settings, database, log=log, kinds=kinds or DEFAULT_KINDS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: running.stop())
    print(f"Worker {running.id} is ready; its jobs lie in {database.label}.", file=sys.stderr)
    running.run()
