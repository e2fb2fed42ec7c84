"""Dense convolution with filters outside: rests of groups and tiles, several blocks, strides."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from codegen.compiler import generate
from codegen.kernels.dense_conv import DENSE_CONV
from codegen.lowering.lower import lower
from codegen.schedules import dense_schedule
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS, cpu_features
from codegen.targets.target import Target
from tests.fixtures import compiled_graph
from tests.fixtures.random_layers import PLAIN_CONV, ConvCase, build_graph

_SIZES = ((3, 5), (7, 7), (9, 16), (14, 17), (31, 33))


def _cases() -> list[ConvCase]:
    base = replace(PLAIN_CONV, channels=5)
    return [
        replace(
            base,
            size=size,
            filters=(7, 8, 20, 33)[(index + kernel) % 4],
            kernel=(kernel, kernel),
            stride=(stride, stride),
            padding=(kernel // 2,) * 4,
            has_residual=index % 2 == 1,
            has_bias=index % 3 != 1,
            seed=index,
        )
        for index, size in enumerate(_SIZES)
        for kernel in (1, 3)
        for stride in (1, 2)
    ]


def _targets() -> list[Target]:
    names = ("x86_64-avx512", "x86_64-avx2", "x86_64-generic")
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    return [TARGETS[name] for name in names if TARGETS[name].runs_on(features)]


@pytest.mark.parametrize("target", _targets(), ids=lambda target: target.name)
def test_dense_convolution_equals_torch_under_sanitizers(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of a few vectors, so that small maps have several.
    monkeypatch.setattr(dense_schedule, "_BLOCK_FLOATS", 500)
    cases = _cases()
    graph = build_graph(cases)
    rows, vectors = DENSE_CONV.tiles[target.registers][0]
    schedules = {name: Schedule("dense", rows, vectors) for name in graph.outputs}
    steps = lower(graph, target, schedules).steps
    assert sum(step.microkernel.family == "conv_dense" for step in steps) == len(cases)
    monkeypatch.setattr(compiled_graph, "generate", partial(generate, schedules=schedules))
    inputs = compiled_graph.random_inputs(graph)
    wanted = compiled_graph.run_torch(graph, inputs)
    for threads in (1, 2):
        got = compiled_graph.run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, repeat=2, threads=threads
        )
        for case, one, other in zip(cases, got, wanted, strict=True):
            assert compiled_graph.relative_error(one, other) <= 1e-5, case
