"""Winograd convolution: both tiles of outputs, tails, paddings, residuals, threads, its error."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from codegen.compiler import generate
from codegen.formats.winograd import FILTER_TRANSFORMS, transform_filters
from codegen.ir import Graph, GraphBuilder
from codegen.ir.passes import optimize
from codegen.lowering.lower import lower
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS, cpu_features, load_target
from codegen.targets.target import Target
from tests.fixtures import compiled_graph
from tests.fixtures.random_layers import PLAIN_CONV, ConvCase, build_graph

BOUND = 1e-4
"""Of the output's range, ten times below what is promised to users."""

_SIZES = ((1, 1), (2, 5), (4, 3), (7, 7), (8, 14), (13, 16), (14, 17), (25, 33), (50, 18))


def _cases(lanes: int) -> list[ConvCase]:
    base = replace(PLAIN_CONV, channels=lanes, filters=lanes, kernel=(3, 3), padding=(1, 1, 1, 1))
    paddings = ((1, 1, 1, 1), (2, 0, 1, 3), (0, 2, 3, 1), (1, 2, 2, 0))
    return [
        replace(
            base,
            size=size,
            channels=lanes * (1 + index % 2),
            filters=lanes * (1 + index % 3),
            padding=paddings[index % 4],
            has_residual=index % 2 == 1,
            has_bias=index % 3 != 1,
            seed=index,
        )
        for index, size in enumerate(_SIZES)
    ]


def _targets() -> list[Target]:
    names = ("x86_64-avx512", "x86_64-avx2")
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    return [TARGETS[name] for name in names if TARGETS[name].runs_on(features)]


@pytest.mark.parametrize("edge", sorted(FILTER_TRANSFORMS))
@pytest.mark.parametrize("target", _targets(), ids=lambda target: target.name)
def test_winograd_equals_torch_under_sanitizers(
    target: Target, edge: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = _cases(target.vector_floats)
    graph = build_graph(cases)
    schedules = {name: Schedule("winograd", edge, 1) for name in graph.outputs}
    monkeypatch.setattr(compiled_graph, "generate", partial(generate, schedules=schedules))
    inputs = compiled_graph.random_inputs(graph)
    wanted = compiled_graph.run_torch(graph, inputs)
    for threads in (1, 3):
        got = compiled_graph.run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, repeat=2, threads=threads
        )
        for case, one, other in zip(cases, got, wanted, strict=True):
            assert compiled_graph.relative_error(one, other) <= BOUND, case


def _chains(lanes: int) -> Graph:
    """Pairs of layers of one section each, the second with a residual."""
    builder = GraphBuilder("chains", seed=1)
    ends = []
    for index, (height, width) in enumerate(_SIZES[2:]):
        channels = lanes * (1 + index % 2)
        x = builder.input((1, channels, height, width), name=f"x{index}")
        y = builder.conv(x, channels, 3, name=f"first{index}", bias=True, activation="relu")
        z = builder.conv(y, 3 * lanes, 3, name=f"wide{index}", padding=(2, 1, 0, 1))
        w = builder.conv(z, channels, 3, name=f"second{index}", padding=(0, 1, 2, 1))
        ends.append(builder.add("add", w, y, name=f"sum{index}", activation="relu"))
    return builder.build(*ends)


@pytest.mark.parametrize("edge", sorted(FILTER_TRANSFORMS))
@pytest.mark.parametrize("target", _targets(), ids=lambda target: target.name)
def test_winograd_over_blocks_of_channels_equals_torch_under_sanitizers(
    target: Target, edge: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = _chains(target.vector_floats)
    names = [node.name for node in graph.nodes if node.op == "conv"]
    schedules = {name: Schedule("winograd_blocked", edge, 1) for name in names}
    steps = lower(optimize(graph), target, schedules).steps
    variants = {step.microkernel.variant for step in steps}
    assert {(f"m{edge}", "in", "out"), (f"m{edge}", "in", "out", "add")} <= variants
    monkeypatch.setattr(compiled_graph, "generate", partial(generate, schedules=schedules))
    inputs = compiled_graph.random_inputs(graph)
    wanted = compiled_graph.run_torch(graph, inputs)
    for threads in (1, 3):
        got = compiled_graph.run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, repeat=2, threads=threads
        )
        for name, one, other in zip(graph.outputs, got, wanted, strict=True):
            assert compiled_graph.relative_error(one, other) <= BOUND, name


def _layer(channels: int, size: int, zeros: float = 0.0) -> Graph:
    builder = GraphBuilder("layer", seed=3)
    x = builder.input((1, channels, size, size))
    y = builder.conv(x, channels, 3, name="y", bias=True)
    graph = builder.build(y)
    if not zeros:
        return graph
    key = graph.nodes[-1].weights["weight"]
    weight = graph.weights[key]
    values = weight.values.copy()
    values[:, : int(zeros * channels)] = 0
    return graph.with_weights({key: type(weight)(values)})


@pytest.mark.parametrize("edge", sorted(FILTER_TRANSFORMS))
def test_error_of_a_deep_layer_stays_in_the_stated_bound(
    edge: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """512 channels of activations as they are behind a relu: none below zero."""
    graph = _layer(512, 14)
    target = _targets()[0]
    schedules = {"y": Schedule("winograd", edge, 1)}
    monkeypatch.setattr(compiled_graph, "generate", partial(generate, schedules=schedules))
    inputs = [np.abs(item) for item in compiled_graph.random_inputs(graph)]
    got = compiled_graph.run_compiled(graph, target, inputs, tmp_path)
    wanted = compiled_graph.run_torch(graph, inputs)
    assert compiled_graph.relative_error(got[0], wanted[0]) <= BOUND


def _format(graph: Graph, *, is_exact: bool = False) -> str:
    return lower(graph, load_target("x86_64-avx512"), is_exact=is_exact).layers[0].format


def test_dense_layers_take_it_and_sparse_or_exact_ones_do_not() -> None:
    assert _format(_layer(64, 28)) == "winograd"
    assert _format(_layer(64, 28), is_exact=True) == "dense"
    assert _format(_layer(64, 28, zeros=0.9)) != "winograd"


def test_filters_are_transformed_in_double_precision_and_filled_up() -> None:
    weight = np.random.default_rng(0).standard_normal((5, 3, 3, 3)).astype(np.float32)
    for edge, transform in FILTER_TRANSFORMS.items():
        packed = transform_filters(weight, edge, 4, 2)
        assert packed.shape == ((edge + 2) ** 2, 1, 3, 8)
        assert packed.dtype == np.float32
        wanted = transform @ weight[4, 2].astype(np.float64) @ transform.T
        np.testing.assert_allclose(packed[:, 0, 2, 4], wanted.ravel(), rtol=1e-6, atol=1e-9)
        assert not packed[:, :, :, 5:].any()
