"""A graph becomes a package for one target: generated C, program, self-test against torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.storage.settings import Settings, load_settings
from codegen.compiler import generate
from codegen.ir.graph import Graph
from codegen.ir.storage import save_graph
from codegen.package import Package, write_package
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target
from codegen.toolchain.build import build
from codegen.toolchain.compiler import Compiler
from codegen.toolchain.library import build_library

FloatArray = npt.NDArray[np.float32]


def toolchain_cache(settings: Settings | None = None) -> Path:
    """Folder of compiled objects and zig's C libraries, shared by every process."""
    return (settings or load_settings()).cache / "toolchain"


def compile_graph(
    graph: Graph,
    target: Target,
    folder: Path,
    *,
    threads: int = 1,
    compiler: Compiler | None = None,
    settings: Settings | None = None,
    self_test: tuple[FloatArray, FloatArray] | None = None,
    library_prefix: str | None = None,
    on_step: Callable[[str], None] | None = None,
    is_exact: bool = False,
    schedules: Mapping[str, Schedule] | None = None,
) -> Package:
    """Compile a graph into a package folder, whole or not at all.

    Args:
        graph: What to compile; it is stored in the package, so that the package can be built
            again for another device.
        target: What to build for.
        folder: Where the package shall lie.
        threads: Threads of the program.
        compiler: zig by default.
        settings: The installation, for its cache.
        self_test: Input and expected output; by default random numbers and what torch computes.
        on_step: Told in words what is being done.
        library_prefix: Adds static and shared libraries, whose names in C begin with it.
        is_exact: Forbids kernels that round more than a plain sum of products does.
        schedules: Fixes those of some layers, by name: what a tuner found.

    Raises:
        PunchcardError: The graph cannot be compiled, the compiler failed, or the folder cannot be
            written.
    """
    bundle = generate(graph, target, threads=threads, is_exact=is_exact, schedules=schedules)
    binary = build(
        bundle, target, compiler=compiler, cache_dir=toolchain_cache(settings), on_step=on_step
    )
    library = None
    if library_prefix is not None:
        library = build_library(
            bundle,
            target,
            prefix=library_prefix,
            compiler=compiler,
            cache_dir=toolchain_cache(settings),
            on_step=on_step,
        )
    values, expected = self_test or _self_test(graph)
    return write_package(
        folder,
        bundle,
        binary,
        input=values,
        expected=expected,
        graph=graph_bytes(graph),
        library=library,
    )


def graph_bytes(graph: Graph) -> bytes:
    """Return a graph as ``save_graph`` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.safetensors"
        save_graph(graph, path)
        return path.read_bytes()


def _self_test(graph: Graph) -> tuple[FloatArray, FloatArray]:
    # torch is slow to import and only needed where no expected output is at hand.
    from backend.models.reference_run import reference_output

    values = np.random.default_rng(0).standard_normal(graph.inputs[0][1].shape)
    single = values.astype(np.float32)
    return single, reference_output(graph, single)
