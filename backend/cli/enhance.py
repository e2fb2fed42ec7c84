"""`punchcard enhance`: does pruning sharpen what a net sees? Pictures, scores and a verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.enhancement.order import StudyOrder


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def enhance(
        dense: Annotated[
            str,
            typer.Option(
                help="Dense net: shipped weights, upload, .onnx or .safetensors file. Default: "
                "the base of the candidate, else the sample net.",
            ),
        ] = "",
        pruned: Annotated[
            str,
            typer.Option(
                help="Pruned net: a candidate's id, shipped weights or a file. Default: the "
                "dense net, pruned on the spot by --scheme and --rate.",
            ),
        ] = "",
        images: Annotated[
            list[Path] | None,
            typer.Option(help="A picture of yours, or a folder of them; may be repeated."),
        ] = None,
        data: Annotated[
            str, typer.Option(help="Data set with test images: sample, or a path; - for none.")
        ] = "",
        count: Annotated[
            int | None,
            typer.Option(min=0, help="Test images. Default: 100, or none beside --images."),
        ] = None,
        methods: Annotated[
            str, typer.Option(help="Of guided, integrated, inversion; with commas.")
        ] = "guided,integrated,inversion",
        scheme: Annotated[str, typer.Option(help="Scheme of pruning on the spot.")] = "pattern",
        rate: Annotated[float, typer.Option(min=1.0, help="Its rate.")] = 2.25,
        patterns: Annotated[str, typer.Option(help="Its pattern set.")] = "natural-8",
        epochs: Annotated[
            int, typer.Option(min=0, help="Of fine-tuning after it, of both nets alike.")
        ] = 0,
        layer: Annotated[
            str, typer.Option(help="Where features are inverted. Default: a third of the way.")
        ] = "",
        steps: Annotated[
            int, typer.Option(min=50, help="Steps of integrated gradients to begin with.")
        ] = 50,
        inversions: Annotated[int, typer.Option(min=1, help="Pictures that are inverted.")] = 8,
        shown: Annotated[int, typer.Option(min=1, help="Pictures that are written as PNG.")] = 8,
        seed: Annotated[int, typer.Option(help="Of choice, noise and bootstrap.")] = 0,
        out: Annotated[Path, typer.Option(help="Folder for PNG files and JSON.")] = Path(
            "enhancement"
        ),
        json: Annotated[
            str | None,
            typer.Option(metavar="FILE", help="Write the report here as well; - is stdout."),
        ] = None,
    ) -> None:
        """Show what a dense and a pruned net see, score its sharpness, and say whether it rose.

        Guided back-propagation, integrated gradients and feature inversion (Ma et al., ECCV 2020).
        With no options: the sample net beside its version with patterns at 2.25x. What was measured
        is kept, so the same command goes on where it was cut short.
        """
        from backend.enhancement.order import PruneOrder, StudyOrder
        from backend.enhancement.settings import MOST_STEPS, StudySettings

        files = _read(images or [])
        dense, data = _filled(dense, pruned, data)
        if count is None:
            count = 0 if files else 100
        order = StudyOrder(
            dense,
            pruned,
            data,
            count,
            PruneOrder(scheme, rate, patterns, epochs, seed),
            StudySettings(
                tuple(name.strip() for name in methods.split(",")),
                steps,
                max(steps, MOST_STEPS),
                layer=layer,
                inversions=inversions,
                shown=shown,
                seed=seed,
            ),
        )
        _run(order, files, out, json)


def _run(order: StudyOrder, files: list[tuple[str, bytes]], out: Path, target: str | None) -> None:
    from json import dumps

    from backend.cli.progress import say, write_json
    from backend.enhancement.errors import EnhancementError
    from backend.services.nets import open_net
    from backend.storage.artifacts import write_whole
    from backend.storage.settings import load_settings

    if out.exists() and not out.is_dir():
        msg = f"{str(out)!r} is a file: name a folder for the pictures with --out"
        raise EnhancementError(msg)
    dense = open_net(order.dense)
    pruned = open_net(order.pruned) if order.pruned else None

    # torch is slow to import: mistakes are told before
    from backend.enhancement.exhibit import png_files
    from backend.enhancement.run_order import run_order

    outcome = run_order(
        order,
        dense,
        pruned,
        files=files,
        cache=load_settings().cache / "enhancement",
        on_progress=_progress(say),
    )
    for name, content in png_files(outcome.exhibits):
        write_whole(out / name, content, mode=0o644)
    write_whole(out / "study.json", (dumps(outcome.report, indent=1) + "\n").encode(), mode=0o644)
    write_whole(out / "pictures.json", (dumps(outcome.rows) + "\n").encode(), mode=0o644)
    if target != "-":
        _print(outcome.report)
        typer.echo(f"wrote {len(outcome.exhibits)} pictures and study.json to {out}")
    if target is not None:
        write_json(outcome.report, target)


def _filled(dense: str, pruned: str, data: str) -> tuple[str, str]:
    """Dense net and data where they were not named."""
    from backend.enhancement.order import SAMPLE_NET
    from backend.services.nets import base_of

    if not dense and pruned:
        dense, of_search = base_of(pruned)
        data = data or of_search
    return dense or SAMPLE_NET, "" if data == "-" else data or "sample"


def _read(images: list[Path]) -> list[tuple[str, bytes]]:
    from backend.data.image_files import SUFFIXES
    from backend.enhancement.errors import EnhancementError

    found: list[Path] = []
    for path in images:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            msg = f"there is no picture or folder {str(path)!r}"
            raise EnhancementError(msg)
    if images and not found:
        msg = f"{str(images[0])!r} holds no picture ({', '.join(sorted(SUFFIXES))})"
        raise EnhancementError(msg)
    return [(path.name, path.read_bytes()) for path in found]


def _progress(say: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """A line for each phase, and for each quarter of the whole."""
    shown: dict[str, Any] = {"phase": "", "quarter": 0}

    def note(phase: str, done: int, total: int) -> None:
        quarter = 4 * done // max(total, 1)
        if phase != shown["phase"] or quarter > shown["quarter"]:
            say(f"{phase}: {100 * done // max(total, 1)} %")
        shown.update(phase=phase, quarter=quarter)

    return note


def _print(report: dict[str, Any]) -> None:
    typer.echo(f"dense {report['dense']}, pruned {report['pruned']}; {report['pictures']}")
    typer.echo(
        f"{'':24s} {'score':32s} {'dense':>8s} {'pruned':>8s} {'difference and 95 % interval':>34s}"
        f"  sharper?"
    )
    for row in report["sharpness"]:
        typer.echo(f"{row['method_title']:24s} {_line(row)}  {row['verdict']}")
    for row in report["faithfulness"]:
        better = {"supported": "better", "not supported": "worse"}.get(row["verdict"], "same")
        typer.echo(f"{row['method_title']:24s} {_line(row)}  pruned: {better}")
    for row in report["strength"]:
        typer.echo(f"{row['method_title']:24s} {_line(row)}")
    for side, gaps in report["completeness"].items():
        typer.echo(
            f"completeness, {side}: {100 * gaps['within_tolerance']:.0f} % of pictures within "
            f"tolerance, mean gap {100 * gaps['mean_gap']:.2f} %, largest "
            f"{100 * gaps['largest_gap']:.2f} %, {gaps['mean_steps']:.0f} steps"
        )
    typer.echo(report["sentence"])


def _line(row: dict[str, Any]) -> str:
    arrow = "higher" if row["better_is_higher"] else "lower"
    cells = [_cell(row[key], signed=key != "dense") for key in ("difference", "low", "high")]
    interval = f"{cells[0]} ({cells[1]} to {cells[2]})"
    return (
        f"{row['score_title']} ({arrow})".ljust(40)
        + f" {_cell(row['dense'])} {_cell(row['pruned'])} {interval:>30s}"
    )


def _cell(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.4f}" if signed else f"{value:8.4f}"
