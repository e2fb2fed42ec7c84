"""Progress of a command on standard error, and its JSON to a file or standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from device_agents.release import Step


def say(message: str) -> None:
    """Print a line of progress; names of strangers in it cannot steer the terminal."""
    typer.echo("".join(c if c.isprintable() else "?" for c in message), err=True)


def say_step(step: Step) -> None:
    """Print a deployment step when it has ended."""
    if step.state == "running":
        return
    seconds = "" if not step.seconds else f" {step.seconds:.1f} s"
    message = f": {' '.join(step.message.split())}" if step.message else ""
    say(f"{step.name:10} {step.state}{seconds}{message}")


def write_json(report: dict[str, Any], target: str) -> None:
    """Write a report to a file as a whole, or to standard output for ``-``."""
    from backend.storage.artifacts import write_whole

    text = json.dumps(report, indent=2) + "\n"
    if target == "-":
        typer.echo(text, nl=False)
    else:
        write_whole(Path(target), text.encode(), mode=0o644)
