"""A search on the terminal: a progress line while it runs, its front as a table, its JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.services.views import RungScore, SearchView, TrialRow
from codegen.errors import PunchcardError

if TYPE_CHECKING:
    from backend.storage.tables import Job


class ReportError(PunchcardError):
    """A search did not end well, or its report cannot be written."""


def follow(search_id: str) -> SearchView:
    """Wait for a search with a progress bar on stderr; it runs here where no worker does.

    Raises:
        ReportError: it failed or was stopped; finished trials are kept.
    """
    from backend.jobs.inline import run_until_ended
    from backend.services.searches import get_search

    view = get_search(search_id)
    assert view.job_id is not None
    with progress_bar(f"search {search_id}") as show:
        run_until_ended(view.job_id, on_change=show)
    view = get_search(search_id)
    if view.state != "done":
        reason = view.error or f"it is {view.state}"
        msg = f"{reason} (search {search_id}; go on with: punchcard search --resume {search_id})"
        raise ReportError(msg)
    return view


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """A progress bar on stderr; what it gives takes a job's row."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, message="")

        def show(job: Job) -> None:
            progress.update(
                task,
                total=job.total or None,
                completed=job.done,
                description=f"{title}: {job.phase or job.state}",
                message=job.message,
            )

        yield show


def front_of(view: SearchView) -> list[TrialRow]:
    """The front's trials, fastest first."""
    by_id = {trial.id: trial for trial in view.trials}
    return [by_id[trial_id] for trial_id in view.front if trial_id in by_id]


def print_front(view: SearchView) -> None:
    """Print the dense baseline and the front as a table on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{view.model} on {view.data}, measured on {view.device}")
    for heading in (
        "candidate",
        "accuracy %",
        "± pt",
        "test %",
        "latency ms",
        "spread ms",
        "speed-up",
        "rate",
        "verified",
    ):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    if view.dense is not None:
        dense = view.dense
        table.add_row(
            "dense",
            _percent(dense.accuracy),
            _percent(dense.accuracy_se),
            _percent(dense.test_accuracy),
            _number(dense.latency_ms),
            _number(dense.latency_spread_ms),
            "1.00x",
            "1.00x",
            "",
        )
    for trial in front_of(view):
        table.add_row(
            trial.id,
            _percent(trial.accuracy),
            _percent(trial.accuracy_se),
            _percent(trial.test_accuracy),
            _number(trial.latency_ms),
            _number(trial.latency_spread_ms),
            f"{trial.speedup:.2f}x" if trial.speedup else "",
            f"{trial.rate:.2f}x" if trial.rate else "",
            "yes" if trial.verified else "no",
        )
    width = None if sys.stdout.isatty() else 120
    Console(width=width).print(table)


def search_json(view: SearchView) -> dict[str, Any]:
    """The report that scripts read; accuracies are fractions."""
    dense = view.dense
    return {
        "id": view.id,
        "state": view.state,
        "model": view.model,
        "data": view.data,
        "device": view.device,
        "elapsed_s": round(view.elapsed_s, 1),
        "trials": view.finished_trials,
        "failed_trials": sum(trial.state == "failed" for trial in view.trials),
        "dense": None
        if dense is None
        else {
            "accuracy": dense.accuracy,
            "accuracy_se": dense.accuracy_se,
            "test_accuracy": dense.test_accuracy,
            **_rungs_json(dense.fidelity, dense.rungs),
            "latency_ms": dense.latency_ms,
            "latency_spread_ms": dense.latency_spread_ms,
            "size_bytes": dense.size_bytes,
        },
        "front": [_trial_json(trial) for trial in front_of(view)],
    }


def write_json(report: dict[str, Any], place: str) -> None:
    """Write a report to a file, or to stdout for `-`.

    Raises:
        ReportError: the file cannot be written.
    """
    text = json.dumps(report, indent=2) + "\n"
    if place == "-":
        sys.stdout.write(text)
        return
    try:
        Path(place).write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"{place} cannot be written: {error.strerror or error}"
        raise ReportError(msg) from None


def _trial_json(trial: TrialRow) -> dict[str, Any]:
    return {
        "id": trial.id,
        "accuracy": trial.accuracy,
        "accuracy_se": trial.accuracy_se,
        "test_accuracy": trial.test_accuracy,
        **_rungs_json(trial.fidelity, trial.rungs),
        "latency_ms": trial.latency_ms,
        "latency_spread_ms": trial.latency_spread_ms,
        "speedup": trial.speedup,
        "rate": trial.rate,
        "max_relative_error": trial.max_relative_error,
        "verified": trial.verified,
        "choices": trial.candidate_label,
    }


def _rungs_json(fidelity: str, rungs: Sequence[RungScore]) -> dict[str, Any]:
    """What the accuracy was taken at, and all evaluations; nothing where there is one kind only."""
    if not rungs:
        return {}
    return {"fidelity": fidelity, "rungs": [asdict(score) for score in rungs]}


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
