"""`punchcard bench search`: samplers compared on the same net, menu, evaluator and cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("search")(bench_search)


def bench_search(
    profile: Annotated[str, typer.Option(help="full, or tiny for a try.")] = "full",
    table: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Latency tables; else this computer's own."),
    ] = None,
    samplers: Annotated[
        str | None, typer.Option(help="Comma list: run only these now; by default all.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this time, to go on later; 0: no limit.")
    ] = 8,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Journal, evaluations and layers of all processes."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the runs and how far they are.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time the last fronts' candidates end to end.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the curves there, as SVG.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write all numbers; - is stdout.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Run nothing: print what is there.")
    ] = False,
) -> None:
    """Fill the comparison of samplers run by run; the same command goes on where it was cut.

    Several processes may work on it at once.
    """
    from backend.bench.search.open_bench import open_bench
    from backend.bench.search.report_run import report_run
    from backend.bench.search.run_plan import list_cells, run_plan
    from backend.cli.progress import say, write_json
    from backend.storage.settings import load_settings

    settings = load_settings()
    settings.make_folders()
    run = open_bench(profile, settings, folder or settings.home / "search-bench", table or (), say)
    if dry_run:
        for line in list_cells(run):
            typer.echo(line)
        return
    left = 0
    if not (markdown or measure):
        only = None if samplers is None else [name.strip() for name in samplers.split(",")]
        left = run_plan(run, minutes=minutes, samplers=only)
    if measure:
        from backend.bench.search.measured_front import measure_fronts

        measure_fronts(run, settings)
    text, numbers = report_run(run, plots)
    if json_file != "-":
        typer.echo(text)
    if json_file is not None:
        write_json(numbers, json_file)
    if left:
        say(f"{left} runs are left: run the same command again")
