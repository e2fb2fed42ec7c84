"""`punchcard bench`: named, repeatable benchmarks that write JSON."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

# Each module has `register(bench)`; a benchmark is one file and one word here.
BENCHMARKS = (
    "bench_kernels",
    "bench_nets",
    "bench_peers",
    "bench_accuracy",
    "bench_fidelities",
    "bench_pattern_sets",
    "bench_scale",
    "bench_search",
    "bench_table",
)


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
        from backend.bench.net_bench import measure_graph
        from backend.cli.progress import say
        from backend.cli.search_report import write_json
        from backend.data.registry import open_data
        from backend.models.zoo import load_model
        from backend.storage.settings import load_settings
        from codegen.targets.registry import host_target

        images = open_data(data)
        graph = load_model(
            model, input_shape=images.input_shape, classes=len(images.classes), data=data
        )
        settings = load_settings()
        settings.make_folders()
        row = measure_graph(
            graph, host_target(), threads=1, rounds=rounds, settings=settings, say=say
        )
        if json != "-":
            typer.echo(
                f"{model}: punchcard {row['punchcard_ms']:.4f} ms, {row['onnxruntime']} "
                f"{row['onnxruntime_ms']:.4f} ms, onnxruntime is {row['speedup']:.3f} times "
                f"slower (medians, 1 thread, {rounds} turns)"
            )
        if json is not None:
            write_json(row, json)

    for name in BENCHMARKS:
        importlib.import_module(f"backend.cli.{name}").register(bench)
    app.add_typer(bench, name="bench")
