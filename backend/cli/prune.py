"""`punchcard prune`: one plan, without a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.training.prune_by_plan import PruneResult


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def prune(
        model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph.")],
        plan: Annotated[Path, typer.Option(help="PLAN.yaml: scheme and rate of every layer.")],
        out: Annotated[Path, typer.Option(help="ONNX file to write.")],
        data: Annotated[str, typer.Option(help="Data set: sample, or a path.")] = "sample",
        algorithm: Annotated[
            str, typer.Option(help="one_shot, iterative or admm; all spend the same epochs.")
        ] = "one_shot",
        epochs: Annotated[int, typer.Option(min=0, max=1000, help="Of all training.")] = 1,
        images: Annotated[int, typer.Option(min=64, help="Training images of an epoch.")] = 4000,
        learning_rate: Annotated[float, typer.Option(help="Peak of warm-up and cosine.")] = 0.02,
        seed: Annotated[int, typer.Option(help="Of order and augmentation.")] = 0,
        criterion: Annotated[
            str, typer.Option(help="What is kept: obs, magnitude, taylor, snip, geometric_median.")
        ] = "obs",
        rates_by_layer: Annotated[
            bool,
            typer.Option(
                "--rates-by-layer",
                help="Share the plan's weights out to where they matter; the total stays.",
            ),
        ] = False,
        with_labels: Annotated[
            bool, typer.Option("--with-labels", help="Gradient criteria may see labels.")
        ] = False,
        repair: Annotated[
            bool, typer.Option("--repair/--no-repair", help="Refit kept weights without labels.")
        ] = True,
        stages: Annotated[
            int | None, typer.Option(min=1, help="Of iterative pruning, or ADMM's rhos.")
        ] = None,
        rhos: Annotated[
            str, typer.Option(help="ADMM: such as 1e-4,1e-3,1e-2,1e-1; fitted when not given.")
        ] = "",
        selection: Annotated[
            str, typer.Option(help="ADMM: patterns by simplex or l2; the default when not given.")
        ] = "",
        library: Annotated[
            str, typer.Option(help="ADMM: sizes of a learnt pattern library, such as 32,12,8.")
        ] = "",
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")
        ] = False,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the report; - is stdout.")
        ] = None,
    ) -> None:
        """Prune a model by a plan, train it and write it as ONNX; Ctrl-C keeps checkpoints."""
        from dataclasses import replace
        from shutil import rmtree

        from backend.cli.interrupt import Interrupt
        from backend.cli.progress import say, write_json
        from backend.config.plan_file import load_plan
        from backend.data.registry import open_data
        from backend.models.zoo import MODELS, has_trained_weights, load_model
        from backend.services.patterns import all_pattern_sets
        from backend.sparsity.criteria import criterion_of
        from backend.storage.artifacts import write_whole
        from backend.training.algorithms import algorithm_of
        from backend.training.algorithms.admm_settings import AdmmSettings
        from backend.training.algorithms.settings import PruneSettings
        from backend.training.recipe import Distillation, Recipe
        from codegen.errors import PlanError

        folder = _checkpoints(out, resume)
        algorithm_of(algorithm)
        criterion_of(criterion)
        numbers: dict[str, Any] = {} if stages is None else {"stages": stages}
        chosen: dict[str, Any] = {"selection": selection} if selection else {}
        settings = PruneSettings(
            recipe=Recipe(
                epochs=epochs,
                learning_rate=learning_rate,
                seed=seed,
                distillation=Distillation(),
            ),
            criterion=criterion,
            repair=repair,
            with_labels=with_labels,
            admm=AdmmSettings(
                rhos=tuple(_numbers(rhos, "--rhos")),
                library=tuple(int(size) for size in _numbers(library, "--library")),
                **numbers,
                **chosen,
            ),
            **numbers,
        )
        opened = open_data(data)
        graph = load_model(
            model, input_shape=opened.input_shape, classes=len(opened.classes), data=data
        )
        if model in MODELS and not has_trained_weights(model, data):
            say(f"no trained weights of {model!r} for {data!r}: they are random")
        if graph.preprocessing is None:
            say("the model stores no preprocessing: the data set's is taken")
            graph = replace(graph, preprocessing=opened.preprocessing)
        sets = all_pattern_sets()
        candidate = load_plan(plan, graph, pattern_sets=sets)

        # torch is slow to import: mistakes are told before
        from backend.training.errors import StoppedError
        from backend.training.prune_by_plan import prune_by_plan
        from codegen.exchange.onnx_exporter import export_onnx

        shown = {"phase": ""}

        def tell(phase: str, done: int, total: int) -> None:
            if phase != shown["phase"] or done == total or done % 50 == 0:
                say(f"{phase} {done}/{total}" if total > 1 else phase)
            shown["phase"] = phase

        with Interrupt() as interrupt:
            try:
                result = prune_by_plan(
                    graph,
                    opened,
                    candidate,
                    algorithm=algorithm,
                    settings=settings,
                    images=images,
                    pattern_sets=sets,
                    rates_by_layer=rates_by_layer,
                    folder=folder,
                    on_progress=tell,
                    should_stop=interrupt.should_stop,
                )
            except StoppedError as stopped:
                msg = f"{stopped}; run the same command with --resume to go on"
                raise PlanError(msg) from None
        write_whole(out, export_onnx(result.graph), mode=0o644)
        rmtree(folder, ignore_errors=True)
        if json != "-":
            _tell_result(result)
            typer.echo(f"wrote {out}")
        if json is not None:
            write_json(_report(result), json)


def _checkpoints(out: Path, resume: bool) -> Path:
    """Folder of the run's checkpoints, beside what it shall write."""
    from codegen.errors import PlanError

    if not out.absolute().parent.is_dir():
        msg = f"the folder of {str(out)!r} does not exist; make it first"
        raise PlanError(msg)
    folder = out.with_name(f"{out.name}.checkpoint")
    if folder.exists() and not resume:
        msg = f"{str(folder)!r} is left of a stopped run: go on with --resume, or delete it"
        raise PlanError(msg)
    return folder


def _numbers(text: str, option: str) -> list[float]:
    from codegen.errors import PlanError

    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        msg = f"{option} takes numbers with commas between them, not {text!r}"
        raise PlanError(msg) from None


def _tell_result(result: PruneResult) -> None:
    replaced = any(row.filter_type != "keep" for row in result.rates)
    typer.echo(
        f"{'layer':32s} {'scheme':14s} {'asked':>7s} {'achieved':>9s} {'kept':>9s}"
        + ("  filter type" if replaced else "")
    )
    for row in result.rates:
        kind = "" if row.filter_type == "keep" else f"  {row.filter_type}"
        typer.echo(
            f"{row.name:32s} {row.scheme:14s} {row.asked:7.2f} {row.achieved:9.2f} {row.kept:9d}"
            + kind
        )
    for told in result.history["repair"]:
        if told["note"]:
            typer.echo(f"{told['name']}: {told['note']}")
    typer.echo(f"overall rate {result.rate:.2f}")
    for update in result.history.get("updates", ()):
        largest: dict[str, float] = {}
        for residuals in update["layers"].values():
            for name, value in residuals.items():
                if not name.endswith("_moved"):
                    largest[name] = max(largest.get(name, 0.0), value)
        parts = ", ".join(f"{name} {value:.3f}" for name, value in largest.items())
        typer.echo(
            f"ADMM step {update['step']} rho {update['rho']:.3g} loss {update['loss']:.4f}; "
            f"largest residuals: {parts}"
        )
    for title, seen in (
        ("dense", result.dense),
        ("repaired", result.repaired),
        ("trained", result.tuned),
    ):
        typer.echo(
            f"{title:11s} test accuracy {100 * seen.accuracy:.2f} % "
            f"+- {100 * seen.standard_error:.2f} ({seen.count} images)"
        )


def _report(result: PruneResult) -> dict[str, Any]:
    from dataclasses import asdict
    from json import loads

    return {
        "rate": result.rate,
        "layers": [asdict(row) for row in result.rates],
        "repair": result.history["repair"],
        "dense": asdict(result.dense),
        "repaired": asdict(result.repaired),
        "tuned": asdict(result.tuned),
        "history": result.history,
        "library": None if result.library is None else loads(result.library.to_json()),
    }
