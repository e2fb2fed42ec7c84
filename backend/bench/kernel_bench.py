"""`punchcard bench kernels`: one layer compiled as in a net, its time held against its limits."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from backend.bench.engine_list import engine_of
from backend.bench.engine_process import EngineProcess
from backend.bench.kernel_row import LAYER, KernelRow
from backend.bench.net_bench import bench_input, relative_error
from backend.bench.our_program import OurProgram
from backend.bench.peak import READ_BYTES, MachinePeak, PeakProgram
from backend.bench.turns import Contestant, Taken, take_turns
from backend.devices.compilation import toolchain_cache
from backend.models.reference_run import reference_output
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings
from codegen.compiler import generate
from codegen.exchange.onnx_exporter import export_onnx
from codegen.ir.graph import Graph
from codegen.ir.macs import nonzero_macs
from codegen.ir.passes import optimize
from codegen.package import Package, write_package
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target
from codegen.toolchain.build import build

_TURN_SECONDS = 0.15

DENSE_ENGINES = ("onnxruntime", "openvino")
"""What 1x1 layers are held against: the faster of the two."""


def measure_row(
    row: KernelRow,
    target: Target,
    *,
    rounds: int,
    settings: Settings,
    engines: tuple[str, ...] = (),
    folder: Path = Path(),
    schedule: Schedule | None = None,
) -> dict[str, Any]:
    """Compile a row's graph, time its layer in turns with the machine's peak and the engines.

    Args:
        row: the layer.
        target: what to compile for; this computer must run it.
        rounds: turns of each.
        settings: where caches are.
        engines: dense engines, timed where the row asks for it.
        folder: where their environments are.
        schedule: of the layer, instead of the cost model's.

    Returns:
        One row of the report, JSON-able. `peak_share` is the median over turns of the layer's
        FLOPs on non-zero weights and valid outputs a second over the peak of the same turn.

    Raises:
        BenchError: a program or an engine fails.
        PunchcardError: the graph cannot be compiled.
    """
    graph = row.graph()
    with tempfile.TemporaryDirectory(prefix="punchcard-kernels-") as name, ExitStack() as stack:
        place = Path(name)
        values = bench_input(graph)
        wanted = reference_output(graph, values)
        package = _compile(graph, target, place / "package", values, wanted, settings, schedule)
        layer = _LayerContestant(OurProgram(package, 1), _index(package))
        peak = _PeakTurns(PeakProgram(target, 1, settings))
        others = _open_engines(row, engines, folder, place, stack)
        contestants: list[Contestant] = [peak, layer, *others]
        with TrainerGate(settings.home).closed():
            taken = take_turns(contestants, rounds, _TURN_SECONDS)
        found = layer.program.output(values)
    small = optimize(graph)
    macs = nonzero_macs(small, small.by_name[LAYER])
    described = package.manifest["layers"][layer.index]
    return {
        "row": row.name,
        "family": row.family,
        "shape": row.shape,
        "choice": row.choice.label,
        "target": target.full_name,
        "isa": target.isa,
        "rounds": rounds,
        "kernel": described["kernel"],
        "schedule": described["schedule"],
        "nonzero_macs": macs,
        "max_relative_error": relative_error(found, wanted),
        **_times(taken, peak, macs, _moved_bytes(small)),
        **_against(taken, [other.name for other in others]),
        "asked": row.asked_of(target.isa),
        "is_ratio": row.beside,
    }


def _compile(
    graph: Graph,
    target: Target,
    folder: Path,
    values: np.ndarray[Any, np.dtype[np.float32]],
    expected: np.ndarray[Any, np.dtype[np.float32]],
    settings: Settings,
    schedule: Schedule | None,
) -> Package:
    bundle = generate(graph, target, schedules=None if schedule is None else {LAYER: schedule})
    binary = build(bundle, target, cache_dir=toolchain_cache(settings))
    return write_package(folder, bundle, binary, input=values, expected=expected)


def _open_engines(
    row: KernelRow, engines: tuple[str, ...], folder: Path, place: Path, stack: ExitStack
) -> list[EngineProcess]:
    if not row.beside:
        return []
    alone = row.single_layer()
    (place / "layer.onnx").write_bytes(export_onnx(alone, batch=1))
    np.save(place / "input.npy", bench_input(alone))
    return [
        stack.enter_context(
            EngineProcess(
                name,
                _python(name, folder),
                model=place / "layer.onnx",
                values=place / "input.npy",
                folder=place,
                threads=1,
                output_name=alone.outputs[0],
            )
        )
        for name in engines
    ]


def _python(engine: str, folder: Path) -> Path:
    """Interpreter of an engine's environment; onnxruntime is also in our own."""
    own = engine_of(engine).python(folder)
    return Path(sys.executable) if engine == "onnxruntime" and not own.exists() else own


def _times(
    taken: Mapping[str, Taken], peak: _PeakTurns, macs: int, moved_bytes: int
) -> dict[str, Any]:
    ms = taken["punchcard"].samples_ms
    # The first peak is of the trial that sets how often a turn repeats.
    shares = [2e-6 * macs / one / top for one, top in zip(ms, peak.gflops[1:], strict=True)]
    best = peak.best
    compute_ms = 2e-6 * macs / best.gflops
    moving_ms = 1e-6 * moved_bytes / best.bandwidth_gbps(moved_bytes)
    return {
        "punchcard_ms": statistics.median(ms),
        "punchcard_samples_ms": ms,
        "peak_gflops": best.gflops,
        "peak_samples_gflops": peak.gflops,
        "peak_share": statistics.median(shares),
        "best_peak_share": 2e-6 * macs / statistics.median(ms) / best.gflops,
        "compute_floor_ms": compute_ms,
        "moving_floor_ms": moving_ms,
        "floor_ms": max(compute_ms, moving_ms),
    }


def _against(taken: Mapping[str, Taken], names: list[str]) -> dict[str, Any]:
    if not names:
        return {}
    theirs = {name: taken[name].median_ms for name in names}
    return {
        "engines_ms": theirs,
        "fastest": min(theirs, key=theirs.__getitem__),
        "speedup": min(theirs.values()) / taken["punchcard"].median_ms,
    }


def _moved_bytes(graph: Graph) -> int:
    """Bytes a run must read and write at least: non-zero weights, input and output."""
    node = graph.by_name[LAYER]
    weight = graph.weights[node.weights["weight"]]
    shapes = (graph.type_of(node.inputs[0]).elements, node.type.elements)
    return 4 * (weight.nonzeros + sum(shapes))


def _index(package: Package) -> int:
    return next(i for i, layer in enumerate(package.manifest["layers"]) if layer["name"] == LAYER)


class _LayerContestant:
    """The measured layer of our program at its turn: one sample, the median of its runs."""

    name = "punchcard"

    def __init__(self, program: OurProgram, index: int) -> None:
        self.program, self.index = program, index

    def samples_ms(self, repeat: int) -> list[float]:
        """Run the whole graph `repeat` times and take the layer's part."""
        return [self.program.layers_ms(repeat)[self.index]]


class _PeakTurns:
    """The probe at its turn; its rates are kept."""

    name = "peak"

    def __init__(self, program: PeakProgram) -> None:
        self._program = program
        self._first: MachinePeak | None = None
        self.gflops: list[float] = []

    def samples_ms(self, repeat: int) -> list[float]:
        """Measure once, whatever the number; bandwidth only the first time, it takes longest."""
        found = self._program.measure(0.02, () if self._first else READ_BYTES)
        self._first = self._first or found
        self.gflops.append(found.gflops)
        return [20.0]

    @property
    def best(self) -> MachinePeak:
        """The highest peak of all turns, and the bandwidths."""
        assert self._first is not None, "take_turns gives everyone a turn"
        read = self._first.read_gbps
        return MachinePeak(self._first.target, 1, max(self.gflops), read)
