"""`punchcard bench kernels`: single layers of every family against the machine's limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.bench.kernel_row import KernelRow
    from backend.bench.results_file import ResultsFile
    from backend.storage.settings import Settings
    from codegen.targets.target import Target


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("kernels")(bench_kernels)


def bench_kernels(
    shape: Annotated[
        str, typer.Option(help="Comma list of words that families or names of rows hold.")
    ] = "",
    isa: Annotated[str, typer.Option(help="Comma list of instruction sets.")] = "avx512,avx2",
    rounds: Annotated[int, typer.Option(min=2, help="Turns of each.")] = 7,
    engines_folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Environments of 'bench peers': OpenVINO for 1x1 rows."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure also what FILE has.")] = False,
    ablation: Annotated[
        bool,
        typer.Option("--ablation", help="Pattern layers: what each optimisation gives."),
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Keep the rows there; what it has is skipped."),
    ] = None,
) -> None:
    """Compile single layers and time them in turns with the machine's peak; one thread."""
    from backend.bench.engine_list import missing_engines
    from backend.bench.kernel_bench import DENSE_ENGINES, measure_row
    from backend.bench.kernel_rows import chosen_rows
    from backend.bench.results_file import ResultsFile
    from backend.cli.progress import say
    from backend.storage.settings import load_settings

    rows = chosen_rows([word.strip() for word in shape.split(",") if word.strip()])
    targets = _targets(isa)
    settings = load_settings()
    settings.make_folders()
    if ablation:
        _ablation(rows, targets, rounds, settings, ResultsFile(json_file, ("row", "isa", "step")))
        return
    folder = (engines_folder or settings.home / "engines").absolute()
    missing = missing_engines(folder, DENSE_ENGINES[1:])  # the first is here anyway
    engines = tuple(name for name in DENSE_ENGINES if name not in missing)
    if missing:
        say(f"{', '.join(missing)} not found in {folder}: the 1x1 rows stand beside the others")
    results = ResultsFile(json_file, ("row", "isa"))
    shown = []
    for row in rows:
        for target in targets:
            if not results.has(row=row.name, isa=target.isa) or again:
                results.add(
                    measure_row(
                        row,
                        target,
                        rounds=rounds,
                        settings=settings,
                        engines=engines,
                        folder=folder,
                    )
                )
                say(_line(results.rows[-1]))
            shown.append((row.name, target.isa))
    typer.echo(_table([r for r in results.rows if (r["row"], r["isa"]) in shown]))


def _ablation(
    rows: Sequence[KernelRow],
    targets: list[Target],
    rounds: int,
    settings: Settings,
    results: ResultsFile,
) -> None:
    """Rows of patterns of their own, each in the steps of PatDNN's figure."""
    from backend.bench.ablation import measure_ablation
    from backend.bench.markdown import markdown_table
    from backend.cli.progress import say

    cells = []
    for row in rows:
        if row.choice.scheme != "pattern" or row.choice.group > 1:
            continue
        for target in targets:
            for found in measure_ablation(row, target, rounds=rounds, settings=settings):
                results.add(found)
                cells.append([found["step"], f"{found['gain']:.2f}x", *_cells(found)])
                say(f"{row.name}, {target.isa}, {found['step']}: {found['gain']:.2f}x")
    typer.echo(markdown_table(("step", "gain", *_HEADS), cells))


def _targets(isa: str) -> list[Any]:
    from backend.bench.errors import BenchError
    from codegen.targets.registry import TARGETS, cpu_features, host_target

    host = host_target()
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    names = [name.strip() for name in isa.split(",")]
    fitting = [t for t in TARGETS.values() if t.arch == host.arch and t.runs_on(features)]
    found = [target for name in names for target in fitting if target.isa == name]
    if len(found) < len(names):
        known = ", ".join(target.isa for target in fitting)
        msg = f"--isa takes instruction sets that this computer has ({known}), not {isa!r}"
        raise BenchError(msg)
    return found


def _line(row: dict[str, Any]) -> str:
    return f"{row['row']}, {row['isa']}: " + ", ".join(_cells(row)[3:])


_HEADS = (
    "layer", "pruned", "isa", "ms", "% peak", "% best", "floor ms", "engines ms", "ratio",
    "asked", "error", "schedule",
)  # fmt: skip


def _cells(row: dict[str, Any]) -> list[str]:
    engines = row.get("engines_ms", {})
    asked = row["asked"]
    form = "{:.1f} / {:.1f}x" if row["is_ratio"] else "{:.0%} / {:.0%}"
    schedule = row["schedule"]
    return [
        row["shape"],
        row["choice"],
        row["isa"],
        f"{row['punchcard_ms']:.4f}",
        f"{row['peak_share']:.1%}",
        f"{row['best_peak_share']:.1%}",
        f"{row['floor_ms']:.4f}",
        " ".join(f"{name} {ms:.3f}" for name, ms in engines.items()) or "-",
        f"{row['speedup']:.2f}x" if engines else "-",
        form.format(*asked) if asked else "-",
        f"{row['max_relative_error']:.0e}",
        f"{schedule['format']} {schedule['rows']}x{schedule['vectors']}" if schedule else "-",
    ]


def _table(rows: list[dict[str, Any]]) -> str:
    from backend.bench.markdown import markdown_table

    lines = []
    for family in dict.fromkeys(row["family"] for row in rows):
        cells = [_cells(row) for row in rows if row["family"] == family]
        lines += ["", family, "", markdown_table(_HEADS, cells)]
    return "\n".join(lines)
