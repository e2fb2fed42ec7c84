"""`punchcard bench peers`: the same nets on the engines a user would otherwise take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("peers")(bench_peers)


def bench_peers(
    nets: Annotated[str, typer.Option(help="Comma list, or 'sparse', 'dense', 'all'.")] = "sparse",
    threads: Annotated[str, typer.Option(help="Comma list of thread counts.")] = "1,2",
    engines: Annotated[
        str, typer.Option(help="Comma list; the dense f32 engines must be among them.")
    ] = "all",
    target: Annotated[str, typer.Option(help="What ours is compiled for.")] = "host",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each engine.")] = 7,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Ours takes what 'compile --tune' found before.")
    ] = False,
    setup: Annotated[
        bool, typer.Option("--setup", help="Make the engines' environments and stop.")
    ] = False,
    engines_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where they are, or shall be.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Start no further net after this time; 0: no limit.")
    ] = 0,
    again: Annotated[bool, typer.Option("--again", help="Measure also what FILE has.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Keep the rows there; what it has is skipped."),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all tables there.")
    ] = None,
) -> None:
    """Time the benchmark nets on rival engines and on ours, interleaved.

    Every engine runs in an environment and a process of its own, stopped while others are at their
    turn. The command fails where one of the dense f32 engines is missing: the fastest is the
    minimum over all of them.
    """
    from backend.bench.engine_list import engines as all_engines
    from backend.bench.engine_list import set_up
    from backend.bench.errors import BenchError
    from backend.bench.nets import named_nets
    from backend.bench.peer_bench import check_engines, measure_peers
    from backend.bench.peer_report import engine_table, summary_table
    from backend.bench.results_file import ResultsFile
    from backend.cli.bench_nets import thread_counts
    from backend.cli.progress import say
    from backend.storage.settings import load_settings
    from codegen.targets.registry import load_target

    settings = load_settings()
    settings.make_folders()
    folder = (engines_folder or settings.home / "engines").absolute()
    every = [name for engine in all_engines() for name, _ in engine.variants]
    wanted = every if engines == "all" else [name.strip() for name in engines.split(",")]
    if setup:
        set_up(folder, wanted, say)
        say(f"set up in {folder}: {', '.join(wanted)}")
        return
    chosen, built_for, counts = named_nets(nets), load_target(target), thread_counts(threads)
    check_engines(folder, wanted)
    results = ResultsFile(json_file, ("net", "threads", "target", "tuned"))
    begin, left = time.monotonic(), 0
    for net in chosen:
        for count in counts:
            key = {"net": net.name, "threads": count, "target": built_for.full_name}
            if results.has(**key, tuned=tuned) and not again:
                say(f"{net.name}, {count} thread(s): in the file already")
                continue
            if minutes and time.monotonic() - begin > 60 * minutes:
                left += 1
                continue
            row = measure_peers(
                net, built_for, threads=count, rounds=rounds, engines=wanted,
                folder=folder, settings=settings, say=say, tuned=tuned,
            )  # fmt: skip
            results.add(row)
            say(summary_table([row]).splitlines()[-1])
    if not results.rows:
        msg = "nothing was measured: raise --minutes"
        raise BenchError(msg)
    tables = [summary_table(results.rows), *(engine_table(row) for row in results.rows)]
    typer.echo("\n\n".join(tables))
    if markdown is not None:
        markdown.write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    if left:
        say(f"{left} measurements are left: run the same command again")
