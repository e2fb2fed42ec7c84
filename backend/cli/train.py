"""`punchcard train`: a net on one's own data, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def train(
        model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph.")],
        out: Annotated[Path, typer.Option(help="File to write: .safetensors or .onnx.")],
        data: Annotated[str, typer.Option(help="Data set: sample, or a path.")] = "sample",
        recipe: Annotated[
            str, typer.Option(help="scratch (from random weights), adapt, or fine-tune.")
        ] = "scratch",
        epochs: Annotated[
            int | None, typer.Option(min=1, max=100_000, help="Instead of the recipe's.")
        ] = None,
        batch: Annotated[int | None, typer.Option(min=1, help="Images of a step.")] = None,
        learning_rate: Annotated[
            float | None, typer.Option(help="Peak of warm-up and cosine.")
        ] = None,
        label_smoothing: Annotated[float | None, typer.Option(help="Share, 0 to 1.")] = None,
        shift: Annotated[int | None, typer.Option(min=0, help="Pixels.")] = None,
        cutout: Annotated[
            int | None, typer.Option(min=0, help="Side of a blackened square.")
        ] = None,
        average: Annotated[
            float | None, typer.Option(help="Running mean of weights, 0 = off.")
        ] = None,
        patience: Annotated[
            int | None, typer.Option(min=0, help="Epochs without a better validation loss.")
        ] = None,
        precision: Annotated[
            str | None, typer.Option(help="auto, float32, bfloat16 or float16.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
        teacher: Annotated[
            str | None, typer.Option(help="Net to learn from as well: name or file.")
        ] = None,
        feature_weight: Annotated[
            float, typer.Option(min=0, help="Weight of the teacher's values inside.")
        ] = 0.0,
        half: Annotated[
            bool, typer.Option("--half", help="Store weights as fp16, rounded after the test.")
        ] = False,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")
        ] = False,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the report; - is stdout.")
        ] = None,
    ) -> None:
        """Train a model on a data set; Ctrl-C keeps a checkpoint that --resume goes on from."""
        from backend.cli.progress import say, write_json
        from backend.cli.training_bar import TrainingBar
        from backend.data.registry import open_data
        from backend.models.zoo import load_model
        from backend.training.presets import preset, training_start, with_teacher

        changed = {
            "epochs": epochs,
            "batch": batch,
            "learning_rate": learning_rate,
            "label_smoothing": label_smoothing,
            "shift": shift,
            "cutout": cutout,
            "average": average,
            "patience": patience,
            "precision": precision,
        }
        chosen = preset(recipe, {**changed, "seed": seed})
        chosen = with_teacher(chosen, teacher is not None, feature_weight)
        checkpoint = _checkpoint(out, resume)
        opened = open_data(data)
        graph = training_start(model, opened, data, from_scratch=recipe == "scratch", seed=seed)
        taught_by = None
        if teacher is not None:
            taught_by = load_model(
                teacher, input_shape=opened.input_shape, classes=len(opened.classes), data=data
            )

        # torch is slow to import: mistakes are told before
        from backend.training.errors import StoppedError
        from backend.training.report import training_report
        from backend.training.train_model import train_model

        with TrainingBar() as bar:
            try:
                trained = train_model(
                    graph,
                    opened,
                    chosen,
                    teacher=taught_by,
                    checkpoint=checkpoint,
                    on_progress=bar.show,
                    should_stop=bar.should_stop,
                )
            except StoppedError as stopped:
                say(f"{stopped}; run the same command with --resume to go on")
                raise typer.Exit(130) from None
        _write(trained.run.graph, out, half=half)
        checkpoint.unlink(missing_ok=True)
        report = training_report(trained, model, data, chosen)
        if json is not None:
            write_json(report, json)
        for title, seen in (("before", trained.before), ("after", trained.test)):
            say(
                f"{title:6s} test accuracy {100 * seen.accuracy:.2f} % "
                f"+- {100 * seen.standard_error:.2f} ({seen.count} images)"
            )
        say(f"wrote {out}")


def _checkpoint(out: Path, resume: bool) -> Path:
    """The run's checkpoint, beside what it shall write; mistakes are told before any work."""
    from backend.cli.progress import say
    from codegen.errors import PlanError

    if out.suffix not in {".safetensors", ".onnx"}:
        msg = f"{str(out)!r} must end in .safetensors or .onnx"
        raise PlanError(msg)
    if not out.absolute().parent.is_dir():
        msg = f"the folder of {str(out)!r} does not exist; make it first"
        raise PlanError(msg)
    path = out.with_name(f"{out.name}.checkpoint")
    if path.exists() and not resume:
        msg = f"{str(path)!r} is left of a stopped run: go on with --resume, or delete it"
        raise PlanError(msg)
    if resume and not path.exists():
        say(f"there is no {path}: the run starts from the beginning")
    return path


def _write(graph: object, out: Path, *, half: bool) -> None:
    from backend.storage.artifacts import write_whole
    from codegen.exchange.onnx_exporter import export_onnx
    from codegen.ir.graph import Graph
    from codegen.ir.storage import save_graph

    assert isinstance(graph, Graph)
    if out.suffix == ".onnx":
        write_whole(out, export_onnx(graph), mode=0o644)
    else:
        save_graph(graph, out, half=half)
