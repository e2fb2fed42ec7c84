"""`punchcard bench nets`: whole nets beside onnxruntime and beside what the machine can do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("nets")(bench_nets)


def bench_nets(
    nets: Annotated[str, typer.Option(help="Comma list, or 'sparse', 'dense', 'all'.")] = "all",
    threads: Annotated[str, typer.Option(help="Comma list of thread counts.")] = "1,2",
    target: Annotated[str, typer.Option(help="What to compile for.")] = "host",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each runtime.")] = 7,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Take what 'compile --tune' found before.")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0, help="Start no further net after this time; 0: no limit.")
    ] = 0,
    again: Annotated[bool, typer.Option("--again", help="Measure also what FILE has.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only write the nets there, as .onnx.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Keep the rows there; what it has is skipped."),
    ] = None,
) -> None:
    """Compile the benchmark nets and time each in turns with onnxruntime."""
    from backend.bench.errors import BenchError
    from backend.bench.nets import named_nets
    from backend.bench.results_file import ResultsFile
    from backend.cli.progress import say
    from backend.storage.settings import load_settings
    from codegen.targets.registry import load_target

    chosen, built_for = named_nets(nets), load_target(target)
    counts = thread_counts(threads)
    settings = load_settings()
    settings.make_folders()
    if write is not None:
        _write(chosen, write, say)
        return
    from backend.bench.net_bench import measure_net

    results = ResultsFile(json_file, ("net", "threads", "target", "tuned"))
    begin, left = time.monotonic(), 0
    for net in chosen:
        for count in counts:
            key = {"net": net.name, "threads": count, "target": built_for.full_name, "tuned": tuned}
            if results.has(**key) and not again:
                say(f"{net.name}, {count} thread(s): in the file already")
                continue
            if minutes and time.monotonic() - begin > 60 * minutes:
                left += 1
                continue
            row = measure_net(
                net,
                built_for,
                threads=count,
                rounds=rounds,
                settings=settings,
                say=say,
                tuned=tuned,
            )
            results.add(row)
            say(_line(row))
    if not results.rows:
        msg = "nothing was measured: raise --minutes"
        raise BenchError(msg)
    typer.echo(_table(results.rows))
    if left:
        say(f"{left} measurements are left: run the same command again")


def thread_counts(text: str) -> tuple[int, ...]:
    """Numbers of a comma list.

    Raises:
        BenchError: one is no number of threads.
    """
    from backend.bench.errors import BenchError

    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or not all(1 <= count <= 64 for count in counts):
        msg = f"--threads takes numbers from 1 to 64 with commas between, not {text!r}"
        raise BenchError(msg)
    return counts


def _write(chosen: Any, folder: Path, say: Any) -> None:  # noqa: ANN401 - types stay unloaded
    from backend.bench.net_bench import net_graph
    from backend.storage.settings import load_settings
    from codegen.exchange.onnx_exporter import export_onnx

    folder.mkdir(parents=True, exist_ok=True)
    for net in chosen:
        path = folder / f"{net.name}.onnx"
        path.write_bytes(export_onnx(net_graph(net, load_settings()), batch=1))
        say(f"{path}: {net.note}")


def _line(row: dict[str, Any]) -> str:
    name = f"{row['net']} (tuned)" if row["tuned"] else row["net"]
    return (
        f"{name}, {row['threads']} thread(s): {row['punchcard_ms']:.3f} ms, onnxruntime "
        f"{row['onnxruntime_ms']:.3f} ms, {row['speedup']:.2f}x, {row['peak_share']:.0%} of peak, "
        f"{row['over_floor']:.2f} of the floor, error {row['max_relative_error']:.1e}"
    )


_COLUMNS = (
    ("net", "net", "{}"),
    ("thr", "threads", "{}"),
    ("ours ms", "punchcard_ms", "{:.3f}"),
    ("ort ms", "onnxruntime_ms", "{:.3f}"),
    ("ratio", "speedup", "{:.2f}"),
    ("% peak", "peak_share", "{:.0%}"),
    ("floor ms", "floor_ms", "{:.3f}"),
    ("GFLOP/s peak", "peak_gflops", "{:.0f}"),
    ("text kB", "text_bytes", "{:.0f}"),
    ("w/nz", "weights_over_nonzeros", "{:.3f}"),
    ("RSS MB", "peak_rss_bytes", "{:.1f}"),
    ("limit MB", "peak_rss_limit_bytes", "{:.1f}"),
    ("start ms", "start_ms", "{:.1f}"),
    ("error", "max_relative_error", "{:.1e}"),
)
_SCALES = {"text_bytes": 1e-3, "peak_rss_bytes": 1e-6, "peak_rss_limit_bytes": 1e-6}


def _table(rows: list[dict[str, Any]]) -> str:
    from backend.bench.markdown import markdown_table

    lines = []
    for row in rows:
        cells = []
        for _, key, form in _COLUMNS:
            value = row.get(key)
            if isinstance(value, int | float):
                value = value * _SCALES[key] if key in _SCALES else value
            cells.append("-" if value is None else form.format(value))
        seconds = row["compile_s"]
        if row["tuned"]:
            cells[0] += " (tuned)"
        lines.append([*cells, f"{seconds['generate']:.1f} + {seconds['build']:.1f}"])
    return markdown_table([*(title for title, _, _ in _COLUMNS), "gen + build s"], lines)
