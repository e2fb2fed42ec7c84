"""`punchcard finalize`: NPAS phase 3 on a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.services.finalizations import FinalizationView

ROW = "{:30s} {:>10s} {:>9s} {:>10s} {:>9s} {:>17s}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("finalize")(finalize)


def finalize(
    candidate: Annotated[
        str | None,
        typer.Argument(help="Id of a finished trial, or a folder made by 'compile'."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML of settings; options below stand above it.")
    ] = None,
    contestant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this one; may be repeated. Default: all."),
    ] = None,
    bake_epochs: Annotated[int | None, typer.Option(min=1, help="Of each contestant.")] = None,
    bake_images: Annotated[int | None, typer.Option(min=2, help="Of each contestant.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the winner's full run.")] = None,
    images: Annotated[int | None, typer.Option(min=0, help="Of it; 0 takes all.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all training.")] = None,
    model: Annotated[
        str | None, typer.Option(help="For a folder: the dense net it was pruned from.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="For a folder: its PLAN.yaml.")] = None,
    data: Annotated[str, typer.Option(help="For a folder: data set, or a path.")] = "sample",
    resume: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Go on with a stopped one; 'last' is the newest."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result as JSON; - is stdout.")
    ] = None,
) -> None:
    """Bake off the pruning algorithms on a candidate, train the winner in full, prove it."""
    from backend.config.finalize_file import load_finalize
    from backend.services import finalizations

    if (candidate is None) == (resume is None):
        msg = "give either a candidate or --resume ID"
        raise typer.BadParameter(msg)
    if resume is not None:
        known = finalizations.get_finalization(resume)
        identity = known.id
        if known.state != "done":
            finalizations.resume_finalization(known.id)
    else:
        assert candidate is not None
        given = {
            "contestants": contestant or None,
            "bake_epochs": bake_epochs,
            "bake_images": bake_images,
            "epochs": epochs,
            "images": images,
            "seed": seed,
        }
        chosen = {} if settings is None else load_finalize(settings).model_dump(mode="json")
        chosen |= {key: value for key, value in given.items() if value is not None}
        identity = _start(candidate, chosen, model, plan, data)
    view = follow_finalization(identity)
    if json != "-":
        _print(view)
    if json is not None:
        from backend.cli.progress import write_json

        write_json(report_of(view), json)


def _start(
    candidate: str, settings: dict[str, Any], model: str | None, plan: Path | None, data: str
) -> str:
    from backend.services import finalizations
    from codegen.errors import PlanError

    if not Path(candidate).is_dir():
        return finalizations.start_finalization(candidate, settings)
    if model is None or plan is None:
        msg = (
            f"the folder {candidate!r} does not say what it was pruned from: give its dense net "
            "with --model and its plan with --plan"
        )
        raise PlanError(msg)
    return finalizations.start_from_plan(
        Path(candidate), model=model, plan=plan, data=data, settings=settings
    )


def follow_finalization(identity: str) -> FinalizationView:
    """Wait for a finalisation with a progress bar; it runs here where no worker does.

    Raises:
        ReportError: it failed or was stopped; what has ended is kept.
    """
    from backend.cli.search_report import ReportError, progress_bar
    from backend.jobs.inline import run_until_ended
    from backend.services.finalizations import get_finalization

    view = get_finalization(identity)
    if view.state != "done":
        with progress_bar(f"finalisation {identity}") as show:
            run_until_ended(view.job_id, on_change=show)
        view = get_finalization(identity)
    if view.state != "done":
        reason = view.error or f"it is {view.state}"
        msg = (
            f"{reason} (finalisation {identity}; go on with: punchcard finalize --resume "
            f"{identity})"
        )
        raise ReportError(msg)
    return view


def _print(view: FinalizationView) -> None:
    typer.echo(ROW.format("contestant", "loss", "+-", "accuracy %", "+-", "loss behind best"))
    for row in view.contestants:
        if row["state"] != "done":
            typer.echo(f"{row['title']:30s} {row['state']}: {row.get('error') or ''}")
            continue
        behind = f"{row['behind']:.4f} +- {row['behind_se']:.4f}"
        typer.echo(
            ROW.format(
                row["title"] + (" *" if row["name"] == view.winner else ""),
                f"{row['loss']:.4f}",
                f"{row['loss_se']:.4f}",
                f"{100 * row['accuracy']:.2f}",
                f"{100 * row['accuracy_se']:.2f}",
                behind,
            )
        )
    result = view.result or {}
    typer.echo(
        f"winner {view.winner}, full run of {view.settings['epochs']} epochs: validation accuracy "
        f"{100 * result['accuracy']:.2f} % +- {100 * result['accuracy_se']:.2f}, latency "
        f"{result['latency_ms']:.4f} ms, {result['speedup']:.2f} times as fast as the dense net"
    )
    titles = {"dense": "dense", "before": "candidate before", "final": "finished"}
    for key, title in titles.items():
        seen = result.get("test", {}).get(key)
        if seen is not None:
            typer.echo(
                f"{title:17s} test accuracy {100 * seen['accuracy']:.2f} % "
                f"+- {100 * seen['standard_error']:.2f} ({seen['count']} images)"
            )
    typer.echo(f"candidate {view.candidate_id}: punchcard deploy {view.candidate_id}")


def report_of(view: FinalizationView) -> dict[str, Any]:
    """A finalisation as JSON."""
    return {
        "id": view.id,
        "candidate": view.candidate_id,
        "source": view.source,
        "winner": view.winner,
        "settings": dict(view.settings),
        "contestants": [dict(row) for row in view.contestants],
        "full_run": dict(view.full_run),
        "result": dict(view.result or {}),
    }
