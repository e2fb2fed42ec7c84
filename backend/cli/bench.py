"""`punchcard bench`: named, repeatable benchmarks that write JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from codegen.ir.graph import Graph

REPEAT = 60  # runs of a turn


def register(app: typer.Typer) -> None:
    """Add the group."""
    bench = typer.Typer(help="Named, repeatable benchmarks that write JSON.", no_args_is_help=True)

    @bench.callback()
    def group() -> None:
        """Named, repeatable benchmarks that write JSON."""

    @bench.command()
    def dense(
        model: Annotated[str, typer.Option(help="Base model, or an .onnx file.")] = "resnet20",
        data: Annotated[str, typer.Option(help="Its data set: input size and classes.")] = "sample",
        rounds: Annotated[int, typer.Option(min=1, help="Turns of each runtime.")] = 20,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the numbers; - is stdout.")
        ] = None,
    ) -> None:
        """Our dense code against onnxruntime: one thread, one core, in turns."""
        from backend.cli.search_report import write_json
        from backend.data.registry import open_data
        from backend.models.zoo import load_model

        images = open_data(data)
        graph = load_model(
            model, input_shape=images.input_shape, classes=len(images.classes), data=data
        )
        report = compare_dense(graph, rounds)
        if json != "-":
            typer.echo(
                f"{model}: punchcard {report['punchcard_ms']:.4f} ms, "
                f"onnxruntime {report['onnxruntime']} {report['onnxruntime_ms']:.4f} ms, "
                f"ratio {report['ratio']:.3f} (medians, 1 thread, {rounds} turns)"
            )
        if json is not None:
            write_json(report, json)

    app.add_typer(bench, name="bench")


def compare_dense(graph: Graph, rounds: int, repeat: int = REPEAT) -> dict[str, Any]:
    """Time a graph's generated code and onnxruntime in turns, with all trainers stopped.

    Returns:
        Medians and all samples in milliseconds, `ratio` of the medians (ours over theirs) and the
        largest difference of the outputs over the largest output.

    Raises:
        BenchError: onnxruntime is missing or does not take the model.
        PunchcardError: the graph cannot be compiled.
    """
    import statistics
    import tempfile

    import numpy as np

    from backend.cli.bench_worker import open_onnxruntime
    from backend.devices.compilation import compile_graph
    from backend.devices.registry import LOCAL, open_agent
    from backend.search.trainers import TrainerGate
    from backend.storage.settings import load_settings
    from codegen.exchange.onnx_exporter import export_onnx
    from codegen.targets.registry import host_target

    settings = load_settings()
    settings.make_folders()
    with tempfile.TemporaryDirectory() as own:
        onnx_file, folder = Path(own) / "model.onnx", Path(own) / "package"
        onnx_file.write_bytes(export_onnx(graph))
        package = compile_graph(graph, host_target(), folder, settings=settings)
        values = np.fromfile(folder / "input.bin", "<f4").reshape(package.input_shape)
        ours: list[float] = []
        theirs: list[float] = []
        with open_agent(LOCAL, settings) as agent:
            core = agent.probe().fastest_core
            with open_onnxruntime(onnx_file, values, core) as other:
                with TrainerGate(settings.home).closed():
                    for _ in range(rounds):
                        taken = agent.measure([folder], rounds=1, repeat=repeat, core=core)
                        ours += taken[0].samples_ms
                        theirs += other.samples_ms(repeat)
                wanted, version = other.output(), other.version
            got = np.frombuffer(agent.run(folder, values.tobytes()).output, "<f4")
    scale = float(np.abs(wanted).max()) or 1.0
    our_ms, their_ms = statistics.median(ours), statistics.median(theirs)
    return {
        "model": graph.name,
        "target": host_target().full_name,
        "core": core,
        "onnxruntime": version,
        "punchcard_ms": our_ms,
        "onnxruntime_ms": their_ms,
        "ratio": our_ms / their_ms,
        "max_relative_error": float(np.abs(got - wanted.ravel()).max()) / scale,
        "punchcard_samples_ms": ours,
        "onnxruntime_samples_ms": theirs,
    }
