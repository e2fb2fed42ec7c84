"""`punchcard bench peers`: one net on every engine and on ours, interleaved."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.bench.engine_list import engine_of, missing_engines, required_variants, role_of
from backend.bench.engine_process import EngineProcess
from backend.bench.errors import BenchError
from backend.bench.net_bench import (
    NetCost,
    PeakContestant,
    bench_input,
    compile_timed,
    net_graph,
    relative_error,
    tuned_schedules,
)
from backend.bench.nets import BenchNet
from backend.bench.our_program import OurProgram
from backend.bench.peak import PeakProgram
from backend.bench.turns import Contestant, Taken, take_turns
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings
from codegen.exchange.onnx_exporter import export_onnx
from codegen.targets.target import Target

OURS = "punchcard"
REFERENCE = "onnxruntime"
# Rows that differ more from onnxruntime computed something else and count nowhere. What stands
# beside the f32 engines may be of lower precision (bf16 has 8 bits), and so differs more.
WRONG_ABOVE = {"extra": 1e-1}
_WRONG_ABOVE_F32 = 1e-2
Say = Callable[[str], None]


def check_engines(folder: Path, wanted: Sequence[str]) -> None:
    """Return when every engine that "fastest dense" needs is in the folder and asked for.

    Raises:
        BenchError: one is missing; all are named.
    """
    for name in wanted:
        engine_of(name)
    absent = missing_engines(folder, required_variants())
    left_out = [name for name in required_variants() if name not in wanted]
    if absent:
        msg = (
            f"{', '.join(absent)} not found in {folder}: the fastest dense engine is the minimum "
            "over all of them; run 'punchcard bench peers --setup', or name --engines-folder"
        )
        raise BenchError(msg)
    if left_out:
        msg = f"--engines leaves out {', '.join(left_out)}: the fastest dense engine needs all"
        raise BenchError(msg)


def measure_peers(
    net: BenchNet,
    target: Target,
    *,
    threads: int,
    rounds: int,
    engines: Sequence[str],
    folder: Path,
    settings: Settings,
    say: Say,
    tuned: bool = False,
) -> dict[str, Any]:
    """Time a net on ours and every engine in turns.

    Dense engines run the same file as the sparse ones: zeros cost them what other numbers do.

    Args:
        net: which.
        target: what ours is compiled for.
        threads: of every engine; each is pinned to as many cores.
        rounds: turns of each engine.
        engines: rows of the table, see `engines.toml`.
        folder: where the engines' environments are.
        settings: the installation.
        say: told what is being done.
        tuned: whether ours takes what tuning found before.

    Raises:
        BenchError: a dense engine is missing or fails, or ours does.
    """
    graph = net_graph(net, settings)
    values, cost = bench_input(graph), NetCost.of(graph)
    schedules = tuned_schedules(graph, target, settings) if tuned else None
    place = settings.cache / "bench" / "engines"
    place.mkdir(parents=True, exist_ok=True)
    model = place / f"{net.name}.onnx"
    data = export_onnx(graph, batch=1)
    if not model.is_file() or model.stat().st_size != len(data):
        model.write_bytes(data)
    np.save(place / "input.npy", values)
    output_name = graph.outputs[0]
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        processes: dict[str, EngineProcess] = {}
        for variant in engines:
            try:
                processes[variant] = stack.enter_context(
                    EngineProcess(
                        variant, engine_of(variant).python(folder), model=model,
                        values=place / "input.npy", folder=place, threads=threads,
                        output_name=output_name,
                    )
                )  # fmt: skip
            except BenchError as refusal:
                if role_of(variant) == "dense":
                    raise
                say(str(refusal))
                rows.append({"engine": variant, "error": str(refusal)})
                continue
            say(f"{net.name}: {variant} is ready")
        wanted = processes[REFERENCE].output
        package, seconds = compile_timed(
            graph, target, Path(name) / "package", values, wanted,
            threads=threads, settings=settings, schedules=schedules,
        )  # fmt: skip
        del graph, data
        ours = OurProgram(package, threads, OURS)
        peak = PeakContestant(PeakProgram(target, threads, settings))
        contestants: list[Contestant] = [peak, ours, *processes.values()]
        with TrainerGate(settings.home).closed():
            taken = take_turns(contestants, rounds)
        error = relative_error(ours.output(values), wanted)
        rows.append(
            {
                **_row(OURS, "ours", taken[OURS], error),
                "peak_rss_bytes": ours.report["peak_rss_bytes"],
                "file_bytes": package.manifest["weights_bytes"] + package.program.stat().st_size,
                "load_s": sum(seconds.values()),
            }
        )
        for variant, process in processes.items():
            error = relative_error(process.output, wanted)
            rows.append({**_row(variant, role_of(variant), taken[variant], error), **process.info})
        gflops = peak.best().gflops
    return {
        "net": net.name,
        "threads": threads,
        "target": target.full_name,
        "tuned": tuned,
        "rounds": rounds,
        "macs": cost.macs,
        "nonzero_macs": cost.nonzero_macs,
        "peak_gflops": gflops,
        "engines": sorted(rows, key=lambda row: float(row.get("median_ms", np.inf))),
        **ratios(rows),
    }


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Our speed-ups out of the rows of one net.

    Raises:
        BenchError: a dense engine computed something else, so the minimum over all is not known.
    """
    right = {
        row["engine"]: float(row["median_ms"])
        for row in rows
        if "median_ms" in row and not row["is_wrong"]
    }
    wrong = [name for name in required_variants() if name not in right]
    if wrong:
        msg = f"{', '.join(wrong)} computed something else than onnxruntime: no minimum over all"
        raise BenchError(msg)
    if OURS not in right:
        msg = "our own output differs from onnxruntime's"
        raise BenchError(msg)
    fastest = min(required_variants(), key=lambda name: right[name])
    mine = right[OURS]
    return {
        "punchcard_ms": mine,
        "fastest_dense": fastest,
        "fastest_dense_ms": right[fastest],
        "over_fastest_dense": right[fastest] / mine,
        "speedups": {name: ms / mine for name, ms in right.items() if name != OURS},
    }


def _row(variant: str, role: str, taken: Taken, error: float) -> dict[str, Any]:
    return {
        "engine": variant,
        "role": role,
        "median_ms": taken.median_ms,
        "p10_ms": taken.quantile_ms(0.1),
        "p90_ms": taken.quantile_ms(0.9),
        "samples_ms": taken.samples_ms,
        "relative_difference": error,
        "is_wrong": not error <= WRONG_ABOVE.get(role, _WRONG_ABOVE_F32),
    }
