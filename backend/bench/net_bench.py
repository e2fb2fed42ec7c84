"""`punchcard bench nets`: one net compiled, timed beside onnxruntime, held against its limits."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.bench.elf_text import text_bytes
from backend.bench.engine_process import EngineProcess
from backend.bench.errors import BenchError
from backend.bench.live_set import largest_live_bytes
from backend.bench.nets import BenchNet, build_net
from backend.bench.our_program import OurProgram
from backend.bench.peak import READ_BYTES, MachinePeak, PeakProgram
from backend.bench.turns import Contestant, Taken, take_turns
from backend.devices.compilation import toolchain_cache
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings
from codegen.compiler import generate
from codegen.exchange.onnx_exporter import export_onnx
from codegen.ir.graph import Graph
from codegen.ir.macs import dense_macs, nonzero_macs
from codegen.ir.passes import optimize
from codegen.ir.storage import load_graph, save_graph
from codegen.package import Package, write_package
from codegen.targets.target import Target
from codegen.toolchain.build import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codegen.schedules.schedule import Schedule

# Raised when `build_net` makes other nets of the same names.
_NETS_VERSION = 1
# Beyond this size weights come from the shared cache or from memory at every run.
_PRIVATE_CACHE_BYTES = 2 << 20
MEMORY_ALLOWANCE_BYTES = 5_000_000
Say = Callable[[str], None]


@dataclass(frozen=True)
class NetCost:
    """What a net asks for, whatever runs it.

    Attributes:
        macs: multiply-accumulates of all layers, zeros included.
        nonzero_macs: those of non-zero weights, times valid outputs.
        nonzeros: weights and biases that are not zero.
        live_bytes: largest set of activations alive at the same time.
        nonzeros_of: weights of each layer that are not zero.
    """

    macs: int
    nonzero_macs: int
    nonzeros: int
    live_bytes: int
    nonzeros_of: Mapping[str, int]

    @staticmethod
    def of(graph: Graph) -> NetCost:
        """Count a graph as it is compiled."""
        small = optimize(graph)
        return NetCost(
            sum(dense_macs(small, node) for node in small.nodes),
            sum(nonzero_macs(small, node) for node in small.nodes),
            sum(weight.nonzeros for weight in small.weights.values()),
            largest_live_bytes(small),
            {
                node.name: weight.nonzeros
                for node in small.nodes
                if (weight := small.weight(node, "weight")) is not None
            },
        )


def net_graph(net: BenchNet, settings: Settings) -> Graph:
    """A benchmark net, built once and kept in the cache."""
    path = settings.cache / "bench" / "nets" / f"{net.name}-v{_NETS_VERSION}.safetensors"
    if path.is_file():
        return load_graph(path)
    graph = build_net(net)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_graph(graph, path)
    return graph


def bench_input(graph: Graph) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The input of every engine: standard normal numbers from a fixed seed."""
    shape = graph.inputs[0][1].shape
    return np.random.default_rng(7).standard_normal(shape, dtype=np.float32)


def measure_net(
    net: BenchNet,
    target: Target,
    *,
    threads: int,
    rounds: int,
    settings: Settings,
    say: Say,
    tuned: bool = False,
) -> dict[str, Any]:
    """Measure one of the benchmark nets; see `measure_graph`."""
    graph = net_graph(net, settings)
    return measure_graph(
        graph,
        target,
        threads=threads,
        rounds=rounds,
        settings=settings,
        say=say,
        schedules=tuned_schedules(graph, target, settings) if tuned else None,
    )


def tuned_schedules(graph: Graph, target: Target, settings: Settings) -> dict[str, Schedule]:
    """What tuning found for a graph before.

    Raises:
        BenchError: nothing.
    """
    from backend.tuning.tune_graph import known_schedules

    found = known_schedules(graph, target, settings=settings)
    if not found:
        msg = f"nothing was tuned for {graph.name} on {target.full_name}: run 'compile --tune'"
        raise BenchError(msg)
    return found


def measure_graph(
    graph: Graph,
    target: Target,
    *,
    threads: int,
    rounds: int,
    settings: Settings,
    say: Say,
    schedules: Mapping[str, Schedule] | None = None,
) -> dict[str, Any]:
    """Compile a graph, time it in turns with onnxruntime, and report against every limit.

    Returns:
        One row of the report, JSON-able.

    Raises:
        BenchError: onnxruntime is missing, or a program fails.
        PunchcardError: the graph cannot be compiled.
    """
    net, values = graph.name, bench_input(graph)
    with tempfile.TemporaryDirectory(prefix="punchcard-nets-") as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(export_onnx(graph, batch=1))
        np.save(folder / "input.npy", values)
        with EngineProcess(
            "onnxruntime",
            Path(sys.executable),
            model=folder / "model.onnx",
            values=folder / "input.npy",
            folder=folder,
            threads=threads,
        ) as other:
            cost = NetCost.of(graph)
            package, seconds = compile_timed(
                graph, target, folder / "package", values, other.output,
                threads=threads, settings=settings, schedules=schedules,
            )  # fmt: skip
            del graph  # the largest have half a gigabyte
            say(f"{net}: compiled in {seconds['generate']:.1f} + {seconds['build']:.1f} s")
            ours = OurProgram(package, threads)
            peak = PeakContestant(PeakProgram(target, threads, settings))
            contestants: list[Contestant] = [peak, ours, other]
            with TrainerGate(settings.home).closed():
                taken = take_turns(contestants, rounds)
            found = ours.output(values)
            row = {
                "net": net,
                "threads": threads,
                "target": target.full_name,
                "tuned": bool(schedules),
                "rounds": rounds,
                **_times(taken, cost, peak.best(), package),
                **_sizes(package, cost, ours.report),
                "compile_s": seconds,
                "max_relative_error": relative_error(found, other.output),
                "onnxruntime": other.info["version"],
            }
    return row


def compile_timed(
    graph: Graph,
    target: Target,
    folder: Path,
    values: np.ndarray[Any, np.dtype[np.float32]],
    expected: np.ndarray[Any, np.dtype[np.float32]],
    *,
    threads: int,
    settings: Settings,
    schedules: Mapping[str, Schedule] | None = None,
) -> tuple[Package, dict[str, float]]:
    """Compile with no object in the cache (the C library is there) and tell the seconds."""
    begin = time.perf_counter()
    bundle = generate(graph, target, threads=threads, schedules=schedules)
    generated = time.perf_counter()
    with cold_cache(settings) as cache:
        binary = build(bundle, target, cache_dir=cache)
    built = time.perf_counter()
    package = write_package(folder, bundle, binary, input=values, expected=expected)
    return package, {"generate": generated - begin, "build": built - generated}


@contextmanager
def cold_cache(settings: Settings) -> Iterator[Path]:
    """A toolchain cache without objects that shares zig's C libraries with the usual one."""
    usual = toolchain_cache(settings)
    (usual / "zig").mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix="punchcard-cold-"))
    try:
        (own / "zig").symlink_to(usual / "zig", target_is_directory=True)
        yield own
    finally:
        (own / "zig").unlink(missing_ok=True)
        shutil.rmtree(own, ignore_errors=True)


def relative_error(
    found: np.ndarray[Any, np.dtype[np.float32]], wanted: np.ndarray[Any, np.dtype[np.float32]]
) -> float:
    """Largest difference over the largest wanted value; infinite where one is no number."""
    scale = float(np.abs(wanted).max()) or 1.0
    error = float(np.abs(found.ravel() - wanted.ravel()).max()) / scale
    return error if np.isfinite(error) else float("inf")


def floor_ms(nonzero_macs: int, weight_bytes: int, peak: MachinePeak) -> float:
    """The time that no program can beat: multiply-adds at peak, plus weights read once a run.

    Weights that fit the cores' own caches cost nothing; larger ones come at the bandwidth measured
    for their size. Activations are left out and no overlap is assumed.
    """
    compute = 2e3 * nonzero_macs / (1e9 * peak.gflops)
    if weight_bytes <= _PRIVATE_CACHE_BYTES * peak.threads:
        return compute
    return compute + 1e3 * weight_bytes / (1e9 * peak.bandwidth_gbps(weight_bytes))


def _times(
    taken: Mapping[str, Taken], cost: NetCost, peak: MachinePeak, package: Package
) -> dict[str, Any]:
    ours, theirs = taken["punchcard"], taken["onnxruntime"]
    weights_bytes = int(package.manifest["weights_bytes"])
    floor = floor_ms(cost.nonzero_macs, weights_bytes, peak)
    return {
        "punchcard_ms": ours.median_ms,
        "punchcard_p10_ms": ours.quantile_ms(0.1),
        "onnxruntime_ms": theirs.median_ms,
        "onnxruntime_p10_ms": theirs.quantile_ms(0.1),
        "speedup": theirs.median_ms / ours.median_ms,
        "peak_gflops": peak.gflops,
        "peak_share": 2e-6 * cost.nonzero_macs / ours.median_ms / peak.gflops,
        "floor_ms": floor,
        "over_floor": ours.median_ms / floor,
        "read_gbps": {str(size): rate for size, rate in peak.read_gbps},
        "macs": cost.macs,
        "nonzero_macs": cost.nonzero_macs,
        "punchcard_samples_ms": ours.samples_ms,
        "onnxruntime_samples_ms": theirs.samples_ms,
    }


def _sizes(package: Package, cost: NetCost, report: Mapping[str, Any]) -> dict[str, Any]:
    weights = int(package.manifest["weights_bytes"])
    layers = package.manifest["layers"]
    # Winograd's weights are larger than what they came from; the limit counts both apart.
    apart = [layer for layer in layers if layer.get("transformed_bytes", 0)]
    transformed = sum(int(layer["transformed_bytes"]) for layer in apart)
    nonzeros = cost.nonzeros - sum(cost.nonzeros_of.get(layer["name"], 0) for layer in apart)
    return {
        "text_bytes": text_bytes(package.program),
        "weights_bytes": weights,
        "transformed_bytes": transformed,
        "weights_over_nonzeros": (weights - transformed) / (4 * max(1, nonzeros)),
        "arena_bytes": int(package.manifest["arena_bytes"]),
        "peak_rss_bytes": int(report["peak_rss_bytes"]),
        "peak_rss_limit_bytes": round(weights + 1.1 * cost.live_bytes) + MEMORY_ALLOWANCE_BYTES,
        # From the weights file to a model that is ready to run.
        "start_ms": report.get("start_ms"),
    }


class PeakContestant:
    """The probe at its turn: a sample is the time it took, its numbers are kept."""

    name = "peak"

    def __init__(self, program: PeakProgram) -> None:
        self._program = program
        self._found: list[MachinePeak] = []

    def samples_ms(self, repeat: int) -> list[float]:
        """Measure once, whatever the number; bandwidth only the first time, it takes longest."""
        sizes = () if self._found else READ_BYTES
        begin = time.perf_counter()
        self._found.append(self._program.measure(0.05, sizes))
        return [1e3 * (time.perf_counter() - begin)]

    def best(self) -> MachinePeak:
        """The highest peak of all turns: shares of it are never flattered by a disturbed turn."""
        top = max(self._found, key=lambda peak: peak.gflops)
        return MachinePeak(top.target, top.threads, top.gflops, self._found[0].read_gbps)
