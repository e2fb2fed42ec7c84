"""`punchcard bench table`: a device's latency table, built, checked, shared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("table")(bench_table)


def bench_table(
    device: Annotated[str | None, typer.Option(help="Name of the device; 'local'.")] = None,
    model: Annotated[str | None, typer.Option(help="Base model; 'resnet20'.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG.yaml", help="A search's: model, data, device and menus."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Begin no batch after this time.")] = 10,
    programs: Annotated[
        int | None, typer.Option(min=1, help="Learn from no more programs than about so many.")
    ] = None,
    check: Annotated[
        int, typer.Option(min=0, help="Then predict and measure so many fresh candidates.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the fresh candidates.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a copy that can be shared.")
    ] = None,
    bring_in: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Keep somebody's table.")
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="Only list the tables.")] = False,
    remove: Annotated[str | None, typer.Option(metavar="TABLE", help="Forget a table.")] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write errors and checks; - is stdout."),
    ] = None,
) -> None:
    """Measure choices inside whole programs on a device; searches predict latency by them.

    Nothing is trained. What was measured is kept: the same command goes on where it ended.
    """
    from backend.storage.settings import load_settings

    settings = load_settings()
    settings.make_folders()
    if is_list or bring_in is not None or remove is not None:
        _keep(settings, bring_in, remove)
        return
    from backend.cli.progress import say
    from backend.cli.search_report import write_json
    from backend.config.search_file import default_config, load_config, parse_config
    from backend.latency.build_table import build_table
    from backend.storage.open_database import open_database

    wanted = default_config() if config is None else load_config(config)
    changes = {"device": device, "model": model}
    named = {key: value for key, value in changes.items() if value}
    wanted = parse_config({**wanted.model_dump(mode="json"), **named}, "the options")
    built = build_table(
        wanted,
        settings=settings,
        database=open_database(settings),
        minutes=minutes,
        most=programs,
        checks=check,
        seed=seed,
        on_progress=lambda share, text: say(f"{share:4.0%}  {text}"),
    )
    if out is not None:
        _write(out, built.table.to_json())
    error = "too few programs to tell its error" if built.error is None else built.error.words
    if json_file is not None:
        write_json(_summary(built, wanted, seed), json_file)
    if json_file != "-":
        typer.echo(
            f"{built.name}: {len(built.table.runs)} programs, {built.coverage:.1%} of (layer "
            f"shape, choice) measured twice or more; {error}; {built.seconds:.0f} s"
        )


def _keep(settings: Any, bring_in: Path | None, remove: str | None) -> None:  # noqa: ANN401
    from backend.latency.errors import LatencyError
    from backend.latency.table_store import TableStore

    store = TableStore(settings)
    if bring_in is not None:
        try:
            content = bring_in.read_bytes()
        except OSError as error:
            msg = f"{bring_in} cannot be read: {error.strerror}"
            raise LatencyError(msg) from None
        typer.echo(f"kept as {store.bring_in(content, str(bring_in)).name}")
    if remove is not None:
        store.remove(remove)
        typer.echo(f"removed {remove}")
    for one in store.tables():
        nets = ", ".join(net.name for net in one.table.nets.values())
        typer.echo(
            f"{one.name}: {one.table.device.get('cpu') or one.table.device.get('arch', '')}, "
            f"{one.table.target}, {nets}, {len(one.table.runs)} programs"
        )


def _write(path: Path, text: str) -> None:
    from backend.latency.errors import LatencyError
    from backend.storage.artifacts import write_whole

    try:
        write_whole(path, text.encode())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise LatencyError(msg) from None


def _summary(built: Any, config: Any, seed: int) -> dict[str, Any]:  # noqa: ANN401
    checks = built.table.runs_of("check")
    return {
        "table": built.name,
        "device": dict(built.table.device),
        "target": built.table.target,
        "model": config.model,
        "space": config.space.model_dump(mode="json"),
        "seed": seed,
        "seconds": round(built.seconds, 1),
        "programs": len(built.table.runs_of("fit")),
        "coverage": round(built.coverage, 4),
        "error": None if built.error is None else built.error.to_json(),
        "checks": [
            {"predicted_ms": run.predicted_ms, "measured_ms": run.latency_ms} for run in checks
        ],
    }
