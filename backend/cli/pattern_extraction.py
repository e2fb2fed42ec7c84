"""`punchcard patterns extract` and `progressive`: sets taken from a net's weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.pattern_drawing import draw, set_json

if TYPE_CHECKING:
    from backend.training.pattern_library import LibraryRun

_Save = Annotated[str | None, typer.Option(help="Keep the set under this name.")]
_Json = Annotated[str | None, typer.Option(metavar="FILE", help="Write a report; - is stdout.")]


def register(group: typer.Typer) -> None:
    """Add the two commands."""
    group.command()(extract)
    group.command()(progressive)


def extract(
    model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph (.safetensors).")],
    size: Annotated[int, typer.Option(min=1, help="Number of patterns.")] = 8,
    method: Annotated[str, typer.Option(help="natural, energy or cost.")] = "natural",
    target: Annotated[
        str | None, typer.Option(help="Whose loads cost; else this computer.")
    ] = None,
    mu: Annotated[float, typer.Option(help="Worth of a load in kept energy (cost).")] = 0.004,
    entries: Annotated[int, typer.Option(help="Weights of a pattern, 1 to 9.")] = 4,
    any_centre: Annotated[
        bool, typer.Option("--any-centre", help="Patterns need not keep the centre.")
    ] = False,
    data: Annotated[str, typer.Option(help="Data set that the zoo's weights are of.")] = "sample",
    name: _Save = None,
    csv: Annotated[Path | None, typer.Option(help="Write the census of the net.")] = None,
    json: _Json = None,
) -> None:
    """Take a pattern set from a net's 3x3 kernels."""
    from dataclasses import replace

    from backend.cli.progress import say, write_json
    from backend.models.zoo import load_model
    from backend.services.pattern_study import check_method, extracted
    from backend.services.patterns import save_pattern_set
    from backend.sparsity.patterns.natural import check_size
    from backend.storage.artifacts import write_whole

    check_method(method)
    check_size(size, entries, centre=not any_centre)
    graph = load_model(model, data=data)
    view = extracted(graph, size, method, target, mu, entries, centre=not any_centre)
    if csv is not None:
        write_whole(csv, _census_csv(graph, entries, centre=not any_centre).encode(), mode=0o644)
    if name is not None:
        save_pattern_set(name, view.patterns, view.note)
        view = replace(view, name=name)
        say(f"kept as {name}")
    if json != "-":
        typer.echo(f"{view.name}: {view.note}")
        draw(view)
    if json is not None:
        write_json(set_json(view), json)


def progressive(
    model: Annotated[str, typer.Argument(help="Zoo name, .onnx or saved graph (.safetensors).")],
    data: Annotated[str, typer.Option(help="Data set: sample, or a path.")] = "sample",
    sizes: Annotated[str, typer.Option(help="Patterns after each stage.")] = "32,12,8,4",
    epochs: Annotated[int, typer.Option(min=1, help="Of each stage.")] = 1,
    images: Annotated[int, typer.Option(min=64, help="Training images of an epoch.")] = 4000,
    stop_share: Annotated[
        float, typer.Option(help="End where dropped patterns cover this share of kernels.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the training.")] = 0,
    checkpoint: Annotated[Path | None, typer.Option(help="Go on from, and write to.")] = None,
    name: _Save = None,
    json: _Json = None,
) -> None:
    """Extract a library while the net is trained: 56, 32, 12, 8, 4, the least chosen go."""
    import dataclasses

    from backend.cli.progress import say, write_json
    from backend.data.registry import open_data
    from backend.data.splits import split_validation
    from backend.models.zoo import load_model
    from backend.services.patterns import cells_of, check_name, save_pattern_set
    from codegen.errors import PlanError

    if name is not None:
        check_name(name)
    try:
        wanted = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        msg = f"--sizes takes whole numbers with commas between, not {sizes!r}"
        raise PlanError(msg) from None
    opened = open_data(data)
    graph = load_model(
        model, input_shape=opened.input_shape, classes=len(opened.classes), data=data
    )
    if graph.preprocessing is None:
        graph = dataclasses.replace(graph, preprocessing=opened.preprocessing)

    from backend.training.history import Progress
    from backend.training.machine import use_one_thread
    from backend.training.pattern_library import LibraryPlan, extract_library

    use_one_thread()
    plan = LibraryPlan(wanted, epochs, images, stop_share, seed=seed)
    plan.start  # noqa: B018 - says what is wrong with the sizes before anything is trained

    def tell(at: Progress) -> None:
        if at.ended is not None:
            facts = at.ended.facts
            say(
                f"epoch {at.epoch}/{at.epochs}: loss {at.ended.loss:.3f}, "
                f"{facts['patterns']:.0f} patterns left, "
                f"{100 * facts['outside']:.1f} % of squared weights outside"
            )

    indices = split_validation(opened).train_indices
    found = extract_library(graph, opened, indices, plan, checkpoint=checkpoint, on_progress=tell)
    if name is not None:
        rows = [cells_of(pattern) for pattern in found.patterns.patterns]
        save_pattern_set(name, rows, f"{found.patterns.note}; {model} on {data}")
        say(f"kept as {name}")
    if json != "-":
        _print(found)
    if json is not None:
        write_json(found.library.to_state(), json)


def _print(found: LibraryRun) -> None:
    from backend.services.patterns import cells_of
    from backend.services.views import PatternSetView

    typer.echo(f"{'from':>5s} {'to':>5s} {'covered':>9s} {'dropped':>9s}")
    for stage in found.library.stages:
        held = "  held by the stop rule" if stage.held else ""
        typer.echo(
            f"{stage.before:5d} {stage.after:5d} {100 * stage.coverage:8.1f} % "
            f"{100 * stage.dropped_share:7.1f} %{held}"
        )
    patterns = tuple(cells_of(pattern) for pattern in found.patterns.patterns)
    draw(PatternSetView(name=found.patterns.name, patterns=patterns, preset=False))


def _census_csv(graph: Any, entries: int, *, centre: bool) -> str:
    from backend.sparsity.patterns import pattern_text
    from backend.sparsity.patterns.census import census

    lines = ["pattern,kernels,share,covered,energy"]
    for row in census(graph, entries, centre=centre):
        text = f"'{pattern_text(row.pattern)}"  # a spreadsheet would drop the zeros in front
        lines.append(f"{text},{row.count},{row.share:.6f},{row.covered:.6f},{row.energy:.6f}")
    return "\n".join(lines) + "\n"
