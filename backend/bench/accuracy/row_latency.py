"""Time of a pruned net's compiled code beside the dense net's, in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.bench.accuracy.workplace import Workplace
from backend.bench.our_program import OurProgram
from backend.bench.turns import take_turns
from backend.devices.compilation import compile_graph
from backend.search.trainers import TrainerGate
from codegen.ir.graph import Graph
from codegen.targets.registry import host_target

_ROUNDS, _SECONDS = 7, 0.3


def measure_latency(place: Workplace, dense: Graph, pruned: Callable[[], Graph]) -> dict[str, Any]:
    """Compile both for this machine and time them in turns: one thread, one core, batch 1.

    Returns:
        Medians in milliseconds, and the ratio as `speedup`.
    """
    with tempfile.TemporaryDirectory(prefix="punchcard-accuracy-") as name:
        programs = []
        for title, graph in (("dense", dense), ("pruned", pruned())):
            folder = Path(name) / title
            package = compile_graph(graph, host_target(), folder, settings=place.settings)
            programs.append(OurProgram(package, 1, title))
        with TrainerGate(place.settings.home).closed():
            taken = take_turns(programs, _ROUNDS, _SECONDS)
    return {
        "latency_ms": taken["pruned"].median_ms,
        "dense_latency_ms": taken["dense"].median_ms,
        "speedup": taken["dense"].median_ms / taken["pruned"].median_ms,
    }
