"""`punchcard replace`: NPAS phase 1, mobile-unfriendly operations become their hard forms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

ROW = "{:30s} {:>10s} {:>13s} {:>10s} {:>10s} {:>10s}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replace")(replace)


def replace(
    model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph (.safetensors).")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    data: Annotated[str, typer.Option(help="Data set: sample, or a path.")] = "sample",
    skip: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="Leave this one; may be repeated.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, max=1000, help="Of fine-tuning.")] = 1,
    images: Annotated[int, typer.Option(min=64, help="Training images of an epoch.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Of the fine-tuning.")] = 0,
    control: Annotated[
        bool, typer.Option("--control", help="Train the original just as long, as a yardstick.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as JSON; - is stdout.")
    ] = None,
) -> None:
    """Replace sigmoid, swish, GELU and the like by hard forms, fine-tune, and measure both."""
    import dataclasses

    from backend.cli.progress import say, write_json
    from backend.data.registry import open_data
    from backend.models.replace_operations import replace_operations
    from backend.models.zoo import MODELS, has_trained_weights, load_model
    from backend.search.replacement_run import ReplacementPlan, run_replacement
    from backend.storage.artifacts import write_whole
    from backend.storage.settings import load_settings
    from codegen.errors import GraphError

    if not out.absolute().parent.is_dir():
        msg = f"the folder of {str(out)!r} does not exist; make it first"
        raise GraphError(msg)
    opened = open_data(data)
    graph = load_model(
        model, input_shape=opened.input_shape, classes=len(opened.classes), data=data
    )
    plan = ReplacementPlan(tuple(skip or ()), epochs, images, control, seed)
    replace_operations(graph, plan.skip)  # torch is slow to import: mistakes are told before
    if model in MODELS and not has_trained_weights(model, data):
        say(f"no trained weights of {model!r} for {data!r}: they are random")
    if graph.preprocessing is None:
        say("the model stores no preprocessing: the data set's is taken")
        graph = dataclasses.replace(graph, preprocessing=opened.preprocessing)

    from codegen.exchange.onnx_exporter import export_onnx

    shown = {"phase": ""}

    def tell(phase: str, done: int, total: int) -> None:
        if phase != shown["phase"] or (done == total and total > 1):
            say(f"{phase} {done}/{total}" if total > 1 else phase)
        shown["phase"] = phase

    hard, report = run_replacement(graph, opened, plan, load_settings(), on_progress=tell)
    write_whole(out, export_onnx(hard), mode=0o644)
    if json != "-":
        _print(report)
        typer.echo(f"wrote {out}")
    if json is not None:
        write_json({"out": str(out), **report}, json)


def _print(report: dict[str, Any]) -> None:
    typer.echo(ROW.format("layer", "was", "becomes", "error", "before ms", "after ms"))
    for row in report["rows"]:
        times = [
            "-" if row[key] is None else f"{row[key]:.4f}" for key in ("before_ms", "after_ms")
        ]
        typer.echo(ROW.format(row["node"], row["op"], row["to"], f"{row['max_error']:.3f}", *times))
    titles = {
        "original": "original",
        "control": "original, trained as long",
        "replaced": "replaced, untrained",
        "tuned": "replaced, fine-tuned",
    }
    for key, title in titles.items():
        seen = report["accuracy"][key]
        if seen is not None:
            typer.echo(
                f"{title:26s} test accuracy {100 * seen['accuracy']:.2f} % "
                f"+- {100 * seen['standard_error']:.2f} ({seen['count']} images)"
            )
    timing = report["timing"]
    unsteady = ", unsteady" if timing["is_unstable"] else ""
    typer.echo(
        f"latency {timing['before_ms']:.4f} ms -> {timing['after_ms']:.4f} ms, "
        f"{timing['speedup']:.3f} times as fast (medians, in turns, one thread{unsteady})"
    )
