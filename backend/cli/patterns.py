"""`punchcard patterns`: list, show, exchange and extract pattern sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backend.cli import pattern_extraction
from backend.cli.pattern_drawing import draw, set_json


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Pattern sets: which weights of a 3x3 kernel stay.", no_args_is_help=True
    )
    group.command("list")(list_sets)
    group.command("show")(show)
    group.command("import")(import_set)
    group.command("export")(export_set)
    pattern_extraction.register(group)
    app.add_typer(group, name="patterns")


def list_sets(
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the sets; - is stdout.")
    ] = None,
) -> None:
    """List the shipped sets and yours."""
    from backend.cli.progress import write_json
    from backend.services.patterns import list_pattern_sets

    found = list_pattern_sets()
    if json != "-":
        for view in found:
            kind = "shipped" if view.preset else "yours"
            count, kept = len(view.patterns), sum(view.patterns[0])
            typer.echo(f"{view.name:24s} {count:3d} of {kept}/9  {kind:8s} {view.note}")
    if json is not None:
        write_json({"sets": [set_json(view) for view in found]}, json)


def show(
    name: Annotated[str, typer.Argument(help="A set.")],
    target: Annotated[str | None, typer.Option(help="Whose loads to count; else all.")] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the set; - is stdout.")
    ] = None,
) -> None:
    """Draw a set's patterns and count the input vectors that its microkernels load."""
    from backend.cli.progress import write_json
    from backend.services.pattern_study import count_loads, pattern_targets
    from backend.services.patterns import get_pattern_set

    view = get_pattern_set(name)
    targets = pattern_targets() if target is None else (target,)
    loads = {chip: count_loads(view.patterns, chip) for chip in targets}
    if json != "-":
        typer.echo(f"{view.name}: {view.note}")
        draw(view)
        for chip, counts in loads.items():
            words = ", ".join(f"{item.strategy} {item.loads:.3g}" for item in counts)
            typer.echo(f"loads a channel on {chip}: {words}")
    if json is not None:
        counted = {
            chip: {item.strategy: item.loads for item in counts} for chip, counts in loads.items()
        }
        write_json({**set_json(view), "loads": counted}, json)


def import_set(
    file: Annotated[Path, typer.Argument(help="A file that Punchcard exported.")],
    name: Annotated[str | None, typer.Option(help="Another name than the file's.")] = None,
) -> None:
    """Take a set from a JSON file."""
    from backend.cli.progress import say
    from backend.services.patterns import read_pattern_file, save_pattern_set
    from codegen.errors import PlanError

    if not file.is_file():
        msg = f"there is no file {str(file)!r}"
        raise PlanError(msg)
    view = read_pattern_file(file.read_bytes())
    save_pattern_set(name or view.name, view.patterns, view.note)
    say(f"kept {len(view.patterns)} patterns as {name or view.name}")


def export_set(
    name: Annotated[str, typer.Argument(help="A set.")],
    out: Annotated[Path | None, typer.Option(help="File to write; else stdout.")] = None,
) -> None:
    """Write a set as JSON."""
    from backend.services.patterns import get_pattern_set, pattern_file
    from backend.storage.artifacts import write_whole

    view = get_pattern_set(name)
    text = pattern_file(view.name, view.patterns, view.note)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text.encode(), mode=0o644)
