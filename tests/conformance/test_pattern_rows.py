"""Strips of rows: maps narrower and wider than vectors, shares of threads, a residual."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.ir import Graph, GraphBuilder
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS
from tests.conformance.test_kernels import _runnable
from tests.fixtures import compiled_graph

_SIZES = ((7, 5), (14, 14), (21, 9), (28, 33), (7, 48))


def _graph() -> tuple[Graph, dict[str, Schedule]]:
    """A layer of each size, 75 filters of 5 channels; every second one adds its input."""
    random = np.random.default_rng(3)
    patterns = np.stack([random.permutation(9) < 4 - index % 2 for index in range(6)])
    builder = GraphBuilder("strips")
    outputs = []
    for index, (height, width) in enumerate(_SIZES):
        x = builder.input((1, 75, height, width), name=f"input{index}")
        chosen = patterns[random.integers(0, 6, (75, 75))].reshape(75, 75, 3, 3)
        values = random.standard_normal(chosen.shape) * chosen
        values *= random.random((75, 75, 1, 1)) < 0.3
        keys = {"weight": builder.weight(f"w{index}", values)}
        y = builder.add(
            "conv", x, name=f"layer{index}", weights=keys, padding=(1, 1, 1, 1)
        )  # fmt: skip
        outputs.append(builder.add("add", y, x, name=f"sum{index}") if index % 2 else y)
    schedules = {f"layer{i}": Schedule("pattern_rows", 7, 1) for i in range(len(_SIZES))}
    # An addition that is fused takes the place of its layer.
    schedules |= {f"sum{i}": Schedule("pattern_rows", 7, 1) for i in range(1, len(_SIZES), 2)}
    return builder.build(*outputs), schedules


@pytest.mark.skipif(
    TARGETS["x86_64-avx512"] not in _runnable(), reason="this computer has too few registers"
)
@pytest.mark.parametrize(("threads", "sanitize"), [(1, True), (3, "thread")])
def test_strips_equal_torch_under_sanitizers(
    threads: int, sanitize: bool | str, tmp_path: Path
) -> None:
    graph, schedules = _graph()
    inputs = compiled_graph.random_inputs(graph)
    got = compiled_graph.run_compiled(
        graph,
        TARGETS["x86_64-avx512"],
        inputs,
        tmp_path,
        sanitize=sanitize,
        threads=threads,
        repeat=2,
        schedules=schedules,
    )
    for one, other in zip(got, compiled_graph.run_torch(graph, inputs), strict=True):
        assert compiled_graph.relative_error(one, other) < 2e-6
