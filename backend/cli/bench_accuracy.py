"""`punchcard bench accuracy`: what pruning costs in accuracy, with standard errors over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("accuracy")(bench_accuracy)


def bench_accuracy(
    table: Annotated[str, typer.Option(help="Comma list of tables, or 'all'.")] = "all",
    data: Annotated[
        str | None, typer.Option(help="Data set: the folder or archive of CIFAR-10, or a name.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only rows whose net or title has TEXT.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Comma list of seeds to run now; by default all.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this time, to go on later; 0: no limit.")
    ] = 8,
    profile: Annotated[
        str | None, typer.Option(help="cpu, cuda or tiny; by default what the machine has.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON lines: what it has is skipped, what ends is added"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the cells and which are done.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Run the chosen cells again though they are done.")
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the nets of the chosen finished rows there."),
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the tables; - is stdout.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Run nothing: print the tables that are there.")
    ] = False,
) -> None:
    """Fill the accuracy tables cell by cell; the same command goes on where it was cut.

    Every row starts from one dense net and gets the same extra training, the dense row too.
    """
    from backend.bench.accuracy.profile import profile_of
    from backend.bench.accuracy.registry import named_tables
    from backend.bench.accuracy.report import table_json, table_markdown
    from backend.bench.accuracy.run_tables import (
        chosen_cells,
        finished_rows,
        list_cells,
        run_tables,
    )
    from backend.bench.accuracy.section import sections
    from backend.bench.accuracy.workplace import Workplace
    from backend.bench.errors import BenchError
    from backend.bench.journal import Journal
    from backend.cli.progress import say, write_json
    from backend.storage.settings import load_settings

    tables, wanted = named_tables(table), chosen_cells(rows, seeds)
    settings = load_settings()
    settings.make_folders()
    folder = settings.home / "accuracy"
    place = Workplace(settings, folder, profile_of(profile), data, say=say)
    journal = Journal(results or folder / "results.jsonl")
    if data is None and all(one.needs_data for one in tables):
        msg = f"the table {table!r} needs a data set: name it by --data"
        raise BenchError(msg)
    usable = [one for one in tables if data is not None or not one.needs_data]
    for one in tables:
        if one not in usable:
            say(f"{one.name}: left out, it needs --data")
    if dry_run:
        for line in list_cells(usable, place, journal, wanted):
            typer.echo(line)
        return
    left = 0
    if not markdown:
        left = run_tables(usable, place, journal, wanted, minutes=minutes, again=again)
    if weights is not None:
        from backend.bench.accuracy.shipped_net import ship_net

        for cell in finished_rows(usable, place, journal, wanted):
            say(f"wrote {ship_net(place, cell, journal.records[cell.key], weights)}")
    found = [(one, sections(one.cells(place), journal, one.baseline)) for one in usable]
    if json_file != "-":
        typer.echo("\n\n".join(table_markdown(*pair) for pair in found))
    if json_file is not None:
        report: dict[str, Any] = {"tables": [table_json(*pair) for pair in found]}
        write_json(report, json_file)
    if left:
        say(f"{left} cells are left: run the same command again")
