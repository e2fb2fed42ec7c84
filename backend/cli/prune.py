"""`punchcard prune`: one plan, without a search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def prune(
        model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph.")],
        plan: Annotated[Path, typer.Option(help="PLAN.yaml: scheme and rate of every layer.")],
        out: Annotated[Path, typer.Option(help="ONNX file to write.")],
        data: Annotated[str, typer.Option(help="Data set: sample, or a path.")] = "sample",
        epochs: Annotated[int, typer.Option(min=0, max=1000, help="Of fine-tuning.")] = 1,
        images: Annotated[int, typer.Option(min=64, help="Training images of an epoch.")] = 4000,
        criterion: Annotated[
            str, typer.Option(help="What is kept: obs, magnitude, taylor, snip, geometric_median.")
        ] = "obs",
        with_labels: Annotated[
            bool, typer.Option("--with-labels", help="Gradient criteria may see labels.")
        ] = False,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write rates as JSON; - is stdout.")
        ] = None,
    ) -> None:
        """Prune a model by a plan, repair and fine-tune it, and write it as ONNX."""
        from dataclasses import asdict, replace
        from json import dumps

        from backend.config.plan_file import load_plan
        from backend.data.registry import open_data
        from backend.models.zoo import MODELS, has_trained_weights, load_model
        from backend.sparsity.criteria import criterion_of
        from backend.storage.artifacts import write_whole
        from codegen.errors import PlanError

        if not out.absolute().parent.is_dir():
            msg = f"the folder of {str(out)!r} does not exist; make it first"
            raise PlanError(msg)
        opened = open_data(data)
        graph = load_model(
            model, input_shape=opened.input_shape, classes=len(opened.classes), data=data
        )
        if model in MODELS and not has_trained_weights(model, data):
            typer.echo(f"no trained weights of {model!r} for {data!r}: they are random", err=True)
        if graph.preprocessing is None:
            typer.echo("the model stores no preprocessing: the data set's is taken", err=True)
            graph = replace(graph, preprocessing=opened.preprocessing)
        candidate = load_plan(plan, graph)
        criterion_of(criterion)

        # torch is slow to import: mistakes are told before
        from backend.training.prune_by_plan import prune_by_plan
        from codegen.exchange.onnx_exporter import export_onnx

        shown = {"phase": ""}

        def say(phase: str, done: int, total: int) -> None:
            if phase != shown["phase"] or done == total:
                typer.echo(f"{phase} {done}/{total}" if total > 1 else phase, err=True)
            shown["phase"] = phase

        result = prune_by_plan(
            graph,
            opened,
            candidate,
            epochs=epochs,
            images=images,
            criterion=criterion,
            with_labels=with_labels,
            on_progress=say,
        )
        write_whole(out, export_onnx(result.graph), mode=0o644)
        if json != "-":
            typer.echo(f"{'layer':32s} {'scheme':14s} {'asked':>7s} {'achieved':>9s} {'kept':>9s}")
            for row in result.rates:
                typer.echo(
                    f"{row.name:32s} {row.scheme:14s} {row.asked:7.2f} {row.achieved:9.2f} "
                    f"{row.kept:9d}"
                )
            for told in result.layers:
                if told.note:
                    typer.echo(f"{told.name}: {told.note}")
            typer.echo(f"overall rate {result.rate:.2f}")
            for title, seen in (
                ("dense", result.dense),
                ("repaired", result.repaired),
                ("fine-tuned", result.tuned),
            ):
                typer.echo(
                    f"{title:11s} test accuracy {100 * seen.accuracy:.2f} % "
                    f"+- {100 * seen.standard_error:.2f} ({seen.count} images)"
                )
            typer.echo(f"wrote {out}")
        if json is not None:
            report = {
                "rate": result.rate,
                "layers": [asdict(row) for row in result.rates],
                "repair": [asdict(told) for told in result.layers],
                "dense": asdict(result.dense),
                "repaired": asdict(result.repaired),
                "tuned": asdict(result.tuned),
            }
            text = dumps(report, indent=2) + "\n"
            if json == "-":
                typer.echo(text, nl=False)
            else:
                write_whole(Path(json), text.encode(), mode=0o644)
