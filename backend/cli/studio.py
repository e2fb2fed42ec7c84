"""`punchcard studio`: starts the web page and the worker, and starts them again when they die."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("studio")(studio)


def studio(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the page (default 8501).")
    ] = None,
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Run a worker beside the page.")
    ] = False,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Start the sample search where there is no search yet."),
    ] = False,
) -> None:
    """Serve the page on this computer until it is stopped."""
    from backend.jobs.supervisor import Supervisor
    from backend.storage.open_database import open_database
    from backend.storage.settings import load_settings

    settings = load_settings()
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    supervisor = Supervisor(settings, with_worker=with_worker)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: supervisor.stop())
    supervisor.check_port()
    open_database(settings)
    if sample:
        _start_sample_search(settings.sample_config)
    supervisor.run(
        on_ready=lambda: print(f"Punchcard is ready: {supervisor.url}", file=sys.stderr, flush=True)
    )


def _start_sample_search(path: Path | None) -> None:
    from backend.services.searches import default_config, list_searches, start_search

    if list_searches():
        return
    config = default_config()
    if path is not None:
        from backend.config.search_file import load_config

        config = load_config(path).model_dump(mode="json")
    start_search(config, request_id="sample")
