"""`punchcard doctor`: what this installation has, and what it lacks."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from codegen.errors import PunchcardError

_PACKAGES = ("punchcard", "torch", "numpy", "onnx", "optuna", "streamlit", "paramiko", "ziglang")
_LEAST_FREE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; only a problem makes the command fail."""

    name: str
    state: str  # "ok", "note" or "problem"
    text: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    json_target: Annotated[
        str | None, typer.Option("--json", help="Write the findings to a file, or - for stdout.")
    ] = None,
) -> None:
    """Check versions, disk, database, compiler and worker; exit code 1 when something is wrong."""
    findings = [finding for check in _CHECKS for finding in check()]
    if json_target is not None:
        text = json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2)
        if json_target == "-":
            print(text)
        else:
            Path(json_target).write_text(text + "\n", encoding="utf-8")
    for finding in findings:
        print(f"{finding.state:8} {finding.name:10} {finding.text}", file=sys.stderr)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def _versions() -> Iterator[Finding]:
    yield Finding("python", "ok", sys.version.split()[0])
    for name in _PACKAGES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "problem", "is not installed: run make install")


def _disk() -> Iterator[Finding]:
    from backend.storage.settings import load_settings

    try:
        settings = load_settings()
        settings.make_folders()
    except PunchcardError as error:
        yield Finding("folder", "problem", str(error))
        return
    yield Finding("folder", "ok", str(settings.home))
    free = shutil.disk_usage(settings.home).free
    state = "ok" if free >= _LEAST_FREE_BYTES else "problem"
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free (a search wants 2 GB)")


def _database() -> Iterator[Finding]:
    from backend.services.status import database_problem, worker_status

    problem = database_problem()
    if problem is not None:
        yield Finding("database", "problem", problem)
        return
    yield Finding("database", "ok", "opens, its schema is current")
    status = worker_status()
    if status.alive:
        yield Finding("worker", "ok", f"{status.running} running, {status.waiting} waiting")
    else:
        hint = "is not running: punchcard worker, or punchcard studio --with-worker, starts it"
        yield Finding("worker", "note", hint)


def _compiler() -> Iterator[Finding]:
    place = find_spec("ziglang")
    binary = Path(place.origin).with_name("zig") if place and place.origin else None
    if binary is not None and binary.exists():
        yield Finding("compiler", "ok", "zig cc, for every target")
    else:
        yield Finding("compiler", "problem", "zig is missing: run make install")


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_versions, _disk, _database, _compiler)
