"""`punchcard bench pattern-sets`: whether fewer loads of a pattern set really are faster."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("pattern-sets")(bench_pattern_sets)


def bench_pattern_sets(
    target: Annotated[str, typer.Option(help="A target that this computer runs.")] = "host",
    rounds: Annotated[int, typer.Option(min=2, help="Turns of each.")] = 5,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the rows; - is stdout.")
    ] = None,
) -> None:
    """Time layers of equal kernels and other pattern sets; one thread, in turns with the peak."""
    from backend.bench.kernel_bench import measure_row
    from backend.bench.pattern_set_rows import rows, schedules
    from backend.cli.progress import say, write_json
    from backend.storage.settings import load_settings
    from codegen.kernels.pattern_loads import pattern_loads
    from codegen.targets.registry import load_target

    chip, settings = load_target(target), load_settings()
    settings.make_folders()
    found: list[dict[str, Any]] = []
    for schedule in schedules(chip):
        for title, row, patterns in rows():
            loads = {item.strategy: item.loads for item in pattern_loads(patterns.patterns, chip)}
            seen = measure_row(row, chip, rounds=rounds, settings=settings, schedule=schedule)
            found.append(
                {
                    "layer": row.shape,
                    "microkernel": schedule.format,
                    "set": title,
                    "patterns": len(patterns.patterns),
                    "loads": loads[schedule.format],
                    "ms": seen["punchcard_ms"],
                    "target": chip.full_name,
                }
            )
            last = found[-1]
            say(
                f"{last['layer']:12s} {schedule.format:13s} {title:12s} "
                f"{last['loads']:5.1f} loads {1000 * last['ms']:8.1f} us"
            )
    if json is not None:
        write_json({"rows": found}, json)
