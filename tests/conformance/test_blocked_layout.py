"""Layers over blocks of channels: every tile, tails of every kind, nets that mix layouts."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from codegen.ir import Graph, GraphBuilder
from codegen.kernels.blocked import BLOCKED_CONV
from codegen.lowering.lower import lower
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS, cpu_features, load_target
from codegen.targets.target import Target
from tests.fixtures.arm_userland import arm_userland
from tests.fixtures.compiled_graph import (
    random_inputs,
    relative_error,
    run_compiled,
    run_torch,
)
from tests.fixtures.random_layers import ConvCase, build_graph
from tests.fixtures.sshd import tool

_NAMES = ("x86_64-avx512", "x86_64-avx2", "x86_64-generic")


def _targets() -> list[Target]:
    if platform.machine() != "x86_64":
        return []
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    return [TARGETS[name] for name in _NAMES if TARGETS[name].runs_on(features)]


def _layers(target: Target) -> tuple[Graph, dict[str, Schedule]]:
    """Every tile over pictures narrower and wider than it, strides, paddings, all sparsities."""
    lanes = target.vector_floats
    cases, schedules = [], []
    for blocks, pixels in BLOCKED_CONV.tiles[target.registers]:
        for index, size in enumerate((2, 7, 9, 15, 33)):
            case = ConvCase(
                channels=(3, 20)[index % 2],
                filters=max(1, lanes * (blocks + index % 2) - index),
                groups=1,
                size=(size + 1, size),
                kernel=((3, 3), (1, 1), (5, 2))[index % 3],
                stride=(index % 3 + 1, 2 if index == 3 and blocks == 2 else 1),
                dilation=(1, 1 + index // 4),
                padding=(1, 2, 1, 0),
                activation="relu",
                has_bias=index != 2,
                has_residual=index == 1,
                scheme=("dense", "block", "unstructured", "filter", "pattern")[index],
                sparsity=(0.0, 0.5, 0.9, 0.5, 1.0)[index],
                seed=index,
            )
            cases.append(case)
            schedules.append(Schedule("blocked", blocks, max(1, pixels - index)))
    graph = build_graph(list(cases))
    return graph, dict(zip(graph.outputs, schedules, strict=True))


@pytest.mark.parametrize("target", _targets(), ids=lambda target: target.isa)
def test_every_tile_equals_torch_under_sanitizers(target: Target, tmp_path: Path) -> None:
    graph, schedules = _layers(target)
    kernels = {step.microkernel for step in lower(graph, target, schedules).steps}
    tiles = {kernel.tile for kernel in kernels if kernel.family == "conv_blocked"}
    assert tiles == set(BLOCKED_CONV.tiles[target.registers])
    assert any("pair" in kernel.variant for kernel in kernels)
    inputs = random_inputs(graph)
    got = run_compiled(
        graph, target, inputs, tmp_path, sanitize=True, threads=3, repeat=2, schedules=schedules
    )
    wanted = run_torch(graph, inputs)
    for name, one, other in zip(graph.outputs, got, wanted, strict=True):
        assert relative_error(one, other) <= 1e-5, name


def _mixed(target: Target) -> tuple[Graph, dict[str, Schedule]]:
    """A net in which every operation that can works in blocks, with planar layers between."""
    lanes = target.vector_floats
    builder = GraphBuilder("mixed", seed=3)
    x = builder.input((1, 3, 21, 18))
    blocked = ["stem", "twice", "spread", "grouped", "tail"]
    depthwise = ["depth", "half"]
    y = builder.conv(x, 2 * lanes, 3, name="stem", stride=2, activation="relu")
    z = builder.conv(y, 2 * lanes, 3, name="depth", groups=2 * lanes, bias=True)
    z = builder.add("sigmoid", z, name="lifted")
    gate = builder.add("global_average_pool", z, name="gate")
    z = builder.add("mul", z, gate, name="gated")
    z = builder.add("add", z, y, name="sum", activation="relu6")
    z = builder.conv(z, 2 * lanes, 1, name="twice")
    z = builder.add("concat", z, y, name="joined")
    z = builder.conv(z, 2 * lanes, 3, name="planar")
    z = builder.add("max_pool", z, name="most", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))
    z = builder.conv(z, 2 * lanes, 3, name="grouped", groups=2)
    z = builder.add("average_pool", z, name="mean", kernel=(2, 2), padding=(1, 0, 0, 1))
    z = builder.conv(z, lanes + 3, 1, name="spread", bias=True)
    half = builder.conv(z, lanes + 3, 3, name="half", groups=lanes + 3, stride=2)
    tail = builder.conv(half, lanes + 3, 1, name="tail")
    schedules = {name: Schedule("blocked", 1, 5) for name in blocked}
    schedules |= {name: Schedule("blocked_depthwise", 1, 8) for name in depthwise}
    schedules["planar"] = Schedule("grouped", 4, 1)
    flat = builder.add("flatten", builder.add("global_average_pool", tail, name="p"), name="f")
    return builder.build(builder.linear(flat, 5, name="fc"), "sum", "half"), schedules


def test_nets_that_mix_layouts_equal_torch_on_every_number_of_lanes(tmp_path: Path) -> None:
    for target in _targets():
        graph, schedules = _mixed(target)
        program = lower(graph, target, schedules)
        words = {step.microkernel.family: set[str]() for step in program.steps}
        for step in program.steps:
            words[step.microkernel.family] |= set(step.microkernel.variant)
        assert {"planar", "s2"} <= words["conv_blocked"]
        assert "s2" in words["depthwise_blocked"]
        assert "back" in words["interleave"]
        assert {"blocked", "channel"} <= words["binary"]
        assert "blocked" in words["pool"] & words["global_pool"]
        inputs = random_inputs(graph)
        got = run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, repeat=2, schedules=schedules
        )
        for one, other in zip(got, run_torch(graph, inputs), strict=True):
            assert relative_error(one, other) <= 1e-5, target.name


def test_neon_gives_the_same_results_under_emulation(tmp_path: Path) -> None:
    target = load_target("aarch64-a76")
    emulator = (tool("qemu-aarch64-static"), "-cpu", "cortex-a76", "-L", str(arm_userland()))
    graph, schedules = _mixed(target)
    inputs = random_inputs(graph)
    got = run_compiled(graph, target, inputs, tmp_path, schedules=schedules, emulator=emulator)
    for one, other in zip(got, run_torch(graph, inputs), strict=True):
        assert relative_error(one, other) <= 1e-5


def _bottlenecks(target: Target) -> Graph:
    """1x1 convolutions with depthwise ones behind: strides, paddings, tails, several bands."""
    lanes = target.vector_floats
    builder = GraphBuilder("bottlenecks", seed=7)
    outputs = []
    for index, (size, kernel, stride, padding, dilation) in enumerate(
        [
            ((9, 7), 3, 1, (1, 1, 1, 1), 1),
            ((33, 18), 3, 2, (1, 1, 1, 1), 1),
            ((16, 15), 5, 1, (2, 0, 1, 3), 1),
            ((14, 20), 3, 1, (2, 2, 2, 2), 2),
            ((12, 12), 2, 2, (0, 0, 0, 0), 1),
        ]
    ):
        x = builder.input((1, 5 + index, *size), f"x{index}")
        if index % 2:
            x = builder.conv(x, lanes + 3, 1, name=f"before{index}", activation="relu")
        channels = lanes * (index + 1) - index
        y = builder.conv(x, channels, 1, name=f"expand{index}", bias=True, activation="relu6")
        shape = (channels, 1, kernel, kernel)
        random = np.random.default_rng(index)
        keys = {
            "weight": builder.weight(f"w{index}", random.standard_normal(shape)),
            "bias": builder.weight(f"b{index}", random.standard_normal(channels)),
        }
        outputs.append(
            builder.add(
                "conv",
                y,
                name=f"depth{index}",
                weights=keys,
                groups=channels,
                stride=(stride, stride),
                dilation=(dilation, dilation),
                padding=padding,
                activation="relu6",
            )
        )
    return builder.build(*outputs)


def test_bottlenecks_by_bands_equal_torch_under_sanitizers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bands of few rows, and values between layers so dear that bands are always taken.
    monkeypatch.setattr("codegen.schedules.blocked_schedule._BAND_BYTES", 30_000)
    monkeypatch.setattr("codegen.lowering.layout_plan._traffic", lambda *_: 1e9)
    for target in _targets()[:2]:
        graph = _bottlenecks(target)
        schedules = {f"before{i}": Schedule("blocked", 1, 5) for i in (1, 3)}
        program = lower(graph, target, schedules)
        fused = [s for s in program.steps if s.microkernel.family == "expand_depthwise"]
        assert len(fused) == 5
        assert {word for step in fused for word in step.microkernel.variant} == {"half", "planar"}
        assert any("planar" not in step.microkernel.variant for step in fused)
        assert sum(layer.macs > 0 for layer in program.layers) == 7
        inputs = random_inputs(graph)
        got = run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, threads=3, schedules=schedules
        )
        for name, one, other in zip(graph.outputs, got, run_torch(graph, inputs), strict=True):
            assert relative_error(one, other) <= 1e-5, name


def test_denormal_and_infinite_pixels_pass_as_in_the_reference(tmp_path: Path) -> None:
    for target in _targets()[:1]:
        builder = GraphBuilder("odd", seed=1)
        x = builder.input((1, 4, 7, 7))
        builder.conv(x, 16, 1, name="y")
        graph = builder.build("y")
        values = random_inputs(graph)
        values[0][0, 1, 2, 3] = np.inf
        values[0][0, 2, 4, 4] = np.nan
        schedules = {"y": Schedule("blocked", 1, 7)}
        got = run_compiled(graph, target, values, tmp_path, schedules=schedules)
        wanted = run_torch(graph, values)
        np.testing.assert_array_equal(np.isnan(got[0]), np.isnan(wanted[0]))
        np.testing.assert_array_equal(np.isinf(got[0]), np.isinf(wanted[0]))
