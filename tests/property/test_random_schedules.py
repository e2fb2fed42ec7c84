"""2,000 random layers, each by a schedule drawn from the tuner's space, against onnxruntime."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from codegen.exchange.onnx_exporter import export_onnx
from codegen.ir import Graph
from codegen.ir.passes import optimize
from codegen.lowering.tuning_space import tuning_space
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS, cpu_features, host_target
from codegen.targets.target import Target
from tests.fixtures.compiled_graph import FloatArray, random_inputs, relative_error, run_compiled
from tests.fixtures.random_layers import SCHEMES, Case, ConvCase, LinearCase, build_graph

PER_PROGRAM = 64
PROGRAMS = 32  # 2,048 layers

CHANNELS = (1, 3, 8, 16, 17, 32, 48, 64, 96)
FILTERS = (1, 7, 8, 16, 17, 24, 32, 64, 96)
SIZES = (4, 7, 8, 14, 15, 17, 28, 33)
SPARSITIES = (0.0, 0.5, 0.75, 0.875, 0.95)

# Winograd rounds more: F(6x6, 3x3) is stated with 1e-3 of the output's range.
MOST_ERROR = {"winograd": 1e-3, "winograd_blocked": 1e-3}


def _case(draw: random.Random) -> Case:
    scheme, sparsity = draw.choice(SCHEMES), draw.choice(SPARSITIES)
    if draw.random() < 0.1:
        outputs = draw.choice((10, 17, 65, 200, 257))
        inputs = draw.choice((16, 33, 200, 512))
        kind = draw.choice(("dense", "unstructured", "block"))
        activation = draw.choice(("none", "relu"))
        return LinearCase(inputs, outputs, activation, kind, sparsity, draw.randrange(1 << 16))
    channels, filters, groups = draw.choice(CHANNELS), draw.choice(FILTERS), 1
    kind = draw.choice(("plain", "plain", "plain", "depthwise", "grouped"))
    if kind == "depthwise":
        filters = groups = channels
    elif kind == "grouped":
        groups = draw.choice((2, 4))
        channels, filters = groups * draw.choice((4, 9, 16)), groups * draw.choice((4, 8, 17))
    kernel = draw.choice((1, 3, 3, 3, 5, 7))
    same = (kernel // 2,) * 4
    return ConvCase(
        channels=channels,
        filters=filters,
        groups=groups,
        size=(draw.choice(SIZES), draw.choice(SIZES)),
        kernel=(kernel, kernel),
        stride=draw.choice(((1, 1), (1, 1), (2, 2))),
        dilation=(1, 1),
        padding=draw.choice((same, same, (kernel, kernel, kernel, kernel))),
        activation=draw.choice(("none", "relu", "relu6", "hard_swish")),
        has_bias=draw.random() < 0.7,
        has_residual=draw.random() < 0.3,
        scheme=scheme,
        sparsity=sparsity,
        seed=draw.randrange(1 << 16),
    )


def _schedules(graph: Graph, target: Target, draw: random.Random) -> dict[str, Schedule]:
    """For two of three layers another schedule than the cost model's."""
    return {
        layer.name: draw.choice(layer.choices)[0]
        for layer in tuning_space(optimize(graph), target)
        if draw.random() < 2 / 3
    }


def _by_onnxruntime(graph: Graph, inputs: list[FloatArray]) -> list[FloatArray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(export_onnx(graph), options)
    names = [item.name for item in session.get_inputs()]
    return [np.asarray(y) for y in session.run(None, dict(zip(names, inputs, strict=True)))]


def _check(seed: int, target: Target, threads: int, folder: Path) -> None:
    draw = random.Random(seed)
    cases = [case for _ in range(2 * PER_PROGRAM) if _fits(case := _case(draw))][:PER_PROGRAM]
    graph = build_graph(cases)
    inputs = random_inputs(graph, seed=seed)
    schedules = _schedules(graph, target, draw)
    got = run_compiled(
        graph, target, inputs, folder, threads=threads, repeat=2, schedules=schedules
    )
    wanted = _by_onnxruntime(graph, inputs)
    for index, (case, one, other) in enumerate(zip(cases, got, wanted, strict=True)):
        taken = schedules.get(f"layer{index}")
        # A layer left to the cost model may be one of Winograd's too.
        most = 1e-3 if taken is None else MOST_ERROR.get(taken.format, 1e-4)
        assert relative_error(one, other) <= most, (case, taken)


def _fits(case: Case) -> bool:
    return not isinstance(case, ConvCase) or case.is_possible


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(PROGRAMS))
def test_random_schedules_give_the_numbers_of_onnxruntime(part: int, tmp_path: Path) -> None:
    _check(1000 + part, host_target(), 1 + part % 3, tmp_path)


@pytest.mark.parametrize("name", ["x86_64-avx512", "x86_64-avx2"])
def test_one_program_of_random_schedules(name: str, tmp_path: Path) -> None:
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    if not TARGETS[name].runs_on(features):
        pytest.skip(f"this processor does not run {name}")
    _check(7, TARGETS[name], 2, tmp_path)
