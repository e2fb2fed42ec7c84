"""`punchcard compile`: a model becomes a package of C, program, weights and self-test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compile")(compile_model)


def compile_model(
    model: Annotated[str, typer.Argument(help="An .onnx file, a saved graph, or a zoo name.")],
    target: Annotated[
        str, typer.Option("--target", help="What to build for; 'host' is this computer.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the package.")],
    threads: Annotated[int, typer.Option("--threads", min=1, max=64)] = 1,
    cc: Annotated[
        str | None, typer.Option("--cc", help="A gcc or clang to use instead of zig.")
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Begins the names in C of the model's libraries.")
    ] = "punchcard",
    exact: Annotated[
        bool, typer.Option("--exact", help="Forbid Winograd kernels, which round more.")
    ] = False,
    tune: Annotated[
        float, typer.Option("--tune", min=0, metavar="SECONDS", help="Measure schedules first.")
    ] = 0,
    tune_on: Annotated[
        str, typer.Option("--tune-on", metavar="DEVICE", help="Registered device to measure on.")
    ] = "local",
    tuning_file: Annotated[
        Path | None,
        typer.Option(
            "--tuning-file", metavar="FILE", help="Where tuned schedules are kept and read from."
        ),
    ] = None,
    untuned: Annotated[
        bool, typer.Option("--untuned", help="Default schedules, whatever was tuned before.")
    ] = False,
) -> None:
    """Compile a model; zeros found in its weights decide which layers become sparse."""
    from backend.cli.progress import say
    from codegen.package import check_folder
    from codegen.targets.registry import load_target
    from codegen.toolchain.compiler import cc_compiler
    from codegen.toolchain.library import check_prefix

    # Mistakes in the options are told before anything slow begins.
    chosen = load_target(target)
    compiler = None if cc is None else cc_compiler(cc)
    check_prefix(prefix)
    check_folder(out)

    from backend.devices.compilation import compile_graph
    from backend.models.zoo import load_model
    from backend.storage.settings import load_settings
    from backend.tuning.tune_graph import known_schedules, tune_graph

    settings = load_settings()
    graph = load_model(model, any_shape=True)
    if tune:
        settings.make_folders()
        found = tune_graph(
            graph, chosen, seconds=tune, settings=settings, device=tune_on, threads=threads,
            is_exact=exact, file=tuning_file, on_progress=lambda _share, text: say(text),
        )  # fmt: skip
        say(
            f"tuned {len(found.schedules)} layers in {found.seconds:.0f} s: {found.rounds} "
            f"programs, {found.measured} schedules, {found.gain:.2f}x the default's speed"
        )
    schedules = (
        {}
        if untuned
        else known_schedules(graph, chosen, settings=settings, file=tuning_file, is_exact=exact)
    )
    package = compile_graph(
        graph, chosen, out, threads=threads, compiler=compiler, library_prefix=prefix, on_step=say,
        is_exact=exact, schedules=schedules,
    )  # fmt: skip
    for layer in package.manifest["layers"]:
        kept = layer["nonzero_macs"] / layer["macs"] if layer["macs"] else 1.0
        say(f"{layer['name'][:40]:40} {layer['format'] or '-':14} {kept:6.1%} of MACs")
    weights = package.manifest["weights_bytes"]
    say(f"package {package.id} for {chosen.full_name} in {out}: weights {weights} bytes")
