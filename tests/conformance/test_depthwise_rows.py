"""Depthwise convolution by rows: kernel sizes, strides, tails of vectors and strips, residuals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codegen.lowering.lower import lower
from codegen.targets.registry import TARGETS, cpu_features, load_target
from codegen.targets.target import Target
from tests.fixtures import compiled_graph
from tests.fixtures.random_layers import PLAIN_CONV, ConvCase, build_graph

_SIZES = ((1, 1), (5, 6), (7, 7), (8, 15), (13, 16), (14, 17), (23, 33), (30, 31))


def _cases() -> list[ConvCase]:
    base = replace(PLAIN_CONV, channels=3, filters=3, groups=3, kernel=(3, 3), padding=(1, 1, 1, 1))
    cases = []
    for index, size in enumerate(_SIZES):
        for kernel in (3, 5, 7):
            for stride in (1, 2):
                padding = (kernel // 2,) * 4
                if index % 3 == 1:  # as "same" padding of even maps: nothing before
                    padding = (0, 0, kernel - 1, kernel - 1)
                elif index % 3 == 2 and min(size) >= kernel:
                    padding = (0, kernel // 2, 0, 0)
                case = replace(
                    base,
                    size=size,
                    kernel=(kernel, kernel),
                    stride=(stride, stride),
                    padding=padding,
                    has_residual=kernel == 3 and index % 2 == 0,
                    has_bias=index % 2 == 0,
                    seed=index,
                )
                cases.append(case)
    return cases


def _targets() -> list[Target]:
    names = ("x86_64-avx512", "x86_64-avx2", "x86_64-generic")
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    return [TARGETS[name] for name in names if TARGETS[name].runs_on(features)]


@pytest.mark.parametrize("target", _targets(), ids=lambda target: target.name)
def test_depthwise_by_rows_equals_torch_under_sanitizers(target: Target, tmp_path: Path) -> None:
    cases = _cases()
    assert all(case.is_possible for case in cases)
    graph = build_graph(cases)
    inputs = compiled_graph.random_inputs(graph)
    got = compiled_graph.run_compiled(graph, target, inputs, tmp_path, sanitize=True, repeat=2)
    for case, one, other in zip(cases, got, compiled_graph.run_torch(graph, inputs), strict=True):
        assert compiled_graph.relative_error(one, other) <= 1e-5, case


def test_dense_depthwise_layers_are_taken_by_rows_without_a_split() -> None:
    graph = build_graph([case for case in _cases() if min(case.size) >= 7])
    families = {
        step.microkernel.family for step in lower(graph, load_target("x86_64-avx512")).steps
    }
    assert "depthwise_rows" in families
    assert not families & {"split", "conv_depthwise"}
