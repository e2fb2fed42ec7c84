"""`punchcard bench fidelities`: whether cheap evaluations rank candidates as dear ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("fidelities")(bench_fidelities)


def bench_fidelities(
    config: Annotated[
        Path | None,
        typer.Argument(help="CONFIG.yaml whose training.rungs are compared; else four of ours."),
    ] = None,
    candidates: Annotated[int, typer.Option(min=3, help="Random candidates.")] = 24,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keeps evaluations, to go on from.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the rows; - is stdout.")
    ] = None,
) -> None:
    """Evaluate random candidates at every rung; Spearman's coefficient with the last one's loss."""
    from backend.bench.fidelity_ranks import rank_fidelities
    from backend.cli.progress import say, write_json
    from backend.config.search_file import load_config, parse_config
    from backend.storage.settings import load_settings

    chosen = parse_config({"training": {"rungs": RUNGS}}) if config is None else load_config(config)
    settings = load_settings()
    settings.make_folders()

    def tell(number: int, row: list[dict[str, Any]]) -> None:
        losses = ", ".join(f"{one['fidelity']} {one['loss']:.3f}" for one in row)
        say(f"candidate {number + 1} of {candidates}: {losses}")

    rows = rank_fidelities(
        chosen,
        settings,
        folder or settings.home / "fidelity-bench",
        count=candidates,
        on_candidate=tell,
    )
    if json != "-":
        for row in rows:
            cost = "" if row["seconds"] is None else f"{row['seconds']:6.1f} s"
            typer.echo(f"{row['name']:32s} {cost:>8s}  Spearman {row['spearman']:.3f}")
    if json is not None:
        write_json({"candidates": candidates, "seed": chosen.seed, "rows": rows}, json)


RUNGS: list[Any] = [
    "stitched",
    "repaired",
    {"epochs": 1, "images": 4000},
    {"epochs": 3, "images": 4000},
]
