"""Every tile of every microkernel family: tails, strides, padding, all sparsities, sanitizers."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from backend.models.zoo import build_model
from codegen.compiler import generate
from codegen.ir import Graph, GraphBuilder
from codegen.ir.ops import ACTIVATIONS, FUNCTIONS, REDUCTIONS
from codegen.ir.passes import optimize
from codegen.kernels.registry import FAMILIES
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import plan_memory
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import TARGETS, cpu_features, load_target
from codegen.targets.target import Target
from codegen.toolchain.build import build
from codegen.toolchain.compiler import Sanitizers
from tests.fixtures import compiled_graph
from tests.fixtures.random_layers import ConvCase, build_graph
from tests.fixtures.toolchain import toolchain_cache

_SPARSITIES = (0.0, 0.5, 0.9, 1.0)
_SIZES = (1, 7, 9, 16, 33)


def _runnable() -> list[Target]:
    if platform.machine() != "x86_64":
        return []
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    names = ("x86_64-avx512", "x86_64-avx2")
    return [TARGETS[name] for name in names if TARGETS[name].runs_on(features)]


_FORMATS = {"conv_group": "grouped", "conv_pattern": "pattern", "conv_runs": "runs"}
_TILES = [
    pytest.param(
        target, family, rows, vectors, id=f"{target.isa}-{_FORMATS[family]}-{rows}x{vectors}"
    )
    for target in _runnable()
    for family in _FORMATS
    for rows, vectors in FAMILIES[family].tiles.get(target.registers, ())
]


def _cases(family: str, rows: int) -> list[ConvCase]:
    """Layers whose filters divide by the tile and ones that leave a rest."""
    cases = []
    for index, sparsity in enumerate(_SPARSITIES):
        for size in _SIZES:
            stride = (index % 3 + 1,) * 2
            filters = rows * 2 + index
            schemes = ("unstructured", "shared_pattern", "block")
            scheme = schemes[index % 3] if family == "conv_group" else "pattern"
            cases.append(
                ConvCase(
                    channels=3,
                    filters=filters,
                    groups=1,
                    size=(size, size + index),
                    kernel=(3, 3),
                    stride=stride,
                    dilation=(1, 1),
                    padding=(1, 1, 1, 1),
                    activation="relu",
                    has_bias=True,
                    has_residual=False,
                    scheme=scheme,
                    sparsity=sparsity,
                    seed=size,
                )
            )
    return cases


@pytest.mark.parametrize(("target", "family", "rows", "vectors"), _TILES)
def test_every_tile_equals_torch_under_sanitizers(
    target: Target,
    family: str,
    rows: int,
    vectors: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = build_graph(list(_cases(family, rows)))
    schedules = {
        name: Schedule(_FORMATS[family], rows, vectors)
        for name in graph.outputs
        # A layer without weights has no pattern to write code for.
        if family != "conv_pattern" or graph.weight(graph.by_name[name], "weight").values.any()
    }
    used = {
        step.microkernel.tile
        for step in lower(graph, target, schedules).steps
        if step.microkernel.family == family
    }
    assert (rows, vectors) in used

    def generate_so(one: Graph, other: Target) -> object:
        return generate(one, other, schedules=schedules)

    monkeypatch.setattr(compiled_graph, "generate", generate_so)
    inputs = compiled_graph.random_inputs(graph)
    got = compiled_graph.run_compiled(graph, target, inputs, tmp_path, sanitize=True)
    for one, other in zip(got, compiled_graph.run_torch(graph, inputs), strict=True):
        assert compiled_graph.relative_error(one, other) <= 1e-4


def _algebra(builder: GraphBuilder, x: str) -> list[str]:
    """Reductions, normalisations and products, at tails of vectors and tiles."""
    outputs = []
    for op in REDUCTIONS:
        for axes in ((3,), (1,), (1, 3), (0, 1, 2, 3)):
            name = f"{op}{''.join(map(str, axes))}"
            outputs.append(builder.add(op, x, name=name, axes=axes, keep=1 in axes))
    gamma, beta = (builder.weight(key, np.linspace(0.5, 2, 143)) for key in ("g", "b"))
    keys = {"gamma": gamma, "beta": beta}
    outputs.append(builder.add("layer_norm", x, name="layer_norm", axis=2, weights=keys))
    keys = {key: builder.weight(f"{key}6", np.linspace(-1, 1, 6)) for key in ("gamma", "beta")}
    outputs.append(builder.add("instance_norm", x, name="instance_norm", weights=keys))
    outputs.append(builder.add("local_response_norm", x, name="response", size=4, alpha=0.5))
    matrix = builder.constant(np.random.default_rng(1).standard_normal((11, 75)), name="matrix")
    outputs.append(builder.add("matmul", x, matrix, name="tall", depth=11))
    turned = builder.constant(np.random.default_rng(2).standard_normal((6, 11, 3)), name="batch")
    outputs.append(builder.add("matmul", x, turned, name="batched", depth=11))
    return outputs


_SCHEDULES = {
    "few": Schedule("runs", 1, 3),
    "blocked": Schedule("blocked", 2, 6),
    "blocked_depthwise": Schedule("blocked_depthwise", 1, 8),
    "blocked_first": Schedule("blocked_depthwise", 1, 8),
    "strided": Schedule("grouped", 1, 1),
    "even": Schedule("depthwise", 1, 4),
    "halved": Schedule("depthwise_rows", 7, 1),
    "wide": Schedule("dense", 8, 3),
    "winograd": Schedule("winograd", 4, 1),
    "compact": Schedule("compact", 4, 3),
}
"""Layers of the graph below that are told how to be lowered, so that no family is left out."""


def _compact_cases(tiles: tuple[tuple[int, int], ...]) -> list[tuple[ConvCase, Schedule]]:
    """Small maps: one position behind whole vectors (7 x 7), and not; with and without a copy."""
    cases = []
    maps = ((7, 3, 1), (9, 3, 1), (7, 1, 1), (10, 3, 2), (4, 5, 1), (13, 3, 3))
    for rows, most in tiles:
        for index, (size, kernel, stride) in enumerate(maps):
            case = ConvCase(
                channels=5,
                # Whole groups alone leave room for a position whose filters are lanes.
                filters=rows * 3 + (index == 1),
                groups=1,
                size=(size, size),
                kernel=(kernel, kernel),
                stride=(stride, stride),
                dilation=(1, 1),
                padding=(kernel // 2,) * 4,
                activation="relu",
                has_bias=True,
                has_residual=stride == 1 and kernel == 3,
                scheme="unstructured",
                sparsity=0.5,
                seed=size,
            )
            cases.append((case, Schedule("compact", rows, max(1, most - index % 2))))
    return cases


@pytest.mark.parametrize("target", _runnable(), ids=lambda target: target.isa)
def test_small_maps_without_pad_columns_equal_torch_under_sanitizers(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = _compact_cases(FAMILIES["conv_compact"].tiles[target.registers])
    graph = build_graph([case for case, _ in cases])
    schedules = dict(zip(graph.outputs, (schedule for _, schedule in cases), strict=True))
    steps = lower(graph, target, schedules).steps
    words = {
        step.microkernel.variant for step in steps if step.microkernel.family == "conv_compact"
    }
    assert {"add"} <= {word for variant in words for word in variant}
    # Narrow register files have no room for the position behind whole vectors.
    assert any("odd" in variant for variant in words) == (target.registers == 32)

    def generate_so(one: Graph, other: Target) -> object:
        return generate(one, other, schedules=schedules)

    monkeypatch.setattr(compiled_graph, "generate", generate_so)
    inputs = compiled_graph.random_inputs(graph)
    for threads in (1, 3):
        got = compiled_graph.run_compiled(
            graph, target, inputs, tmp_path, sanitize=True, threads=threads
        )
        for one, other in zip(got, compiled_graph.run_torch(graph, inputs), strict=True):
            assert compiled_graph.relative_error(one, other) <= 1e-5


def _every_operation() -> Graph:
    """One graph that needs a microkernel of every family, and every activation."""
    builder = GraphBuilder("all", seed=5)
    x = builder.input((1, 6, 13, 11))
    half = builder.constant(np.full((1,), 0.5), name="half")
    outputs = [builder.add(name, x, name=f"unary_{name}") for name in ACTIVATIONS]
    outputs.append(builder.add("clip", x, name="clip", low=0.5, high=2.0))
    outputs += [builder.add(op, x, outputs[0], name=op) for op in ("add", "sub", "mul", "prelu")]
    outputs += [builder.add(op, x, outputs[3], name=op) for op in ("min", "max")]
    outputs.append(builder.add("hard_sigmoid", x, name="other_gate", alpha=0.2, beta=0.4))
    size = builder.add("add", builder.add("abs", x, name="abs"), half, name="size")
    outputs += [builder.add(op, size, name=op) for op in ("log", "sqrt", "reciprocal")]
    outputs.append(builder.add("pow", size, x, name="pow"))
    others = set(FUNCTIONS) - {"abs", "log", "sqrt", "reciprocal"}
    outputs += [builder.add(op, x, name=op) for op in sorted(others)]
    gate = builder.add("global_average_pool", x, name="gate")
    outputs += [builder.add(op, x, gate, name=f"gate_{op}") for op in ("mul", "div", "sub")]
    outputs.append(builder.add("sub", gate, x, name="gate_swapped"))
    row = builder.constant(np.linspace(1, 2, 11), name="row")
    outputs.append(builder.add("div", x, row, name="broadcast"))
    outputs.append(builder.conv(x, 9, 3, name="strided", stride=2, activation="relu"))
    outputs.append(builder.conv(outputs[-1], 9, 3, name="compact", activation="relu"))
    outputs.append(builder.conv(x, 6, 5, name="depthwise", groups=6))
    outputs.append(builder.conv(x, 6, 5, name="halved", groups=6, stride=2))
    outputs.append(builder.conv(x, 6, 4, name="even", groups=6))
    random = np.random.default_rng(0)
    corner = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    corners = np.stack([np.rot90(corner, turns) for turns in range(4)])
    weights = random.standard_normal((64, 64, 3, 3)) * corners[random.integers(0, 4, (64, 64))]
    weights *= random.random((64, 64, 1, 1)) < 0.5
    y = builder.conv(x, 64, 1, name="wide")
    outputs.append(builder.conv(y, 64, 3, name="winograd"))
    keys = {"weight": builder.weight("pattern.weight", weights)}
    outputs.append(builder.add("conv", y, name="pattern", weights=keys, padding=(1, 1, 1, 1)))
    square = {"weight": builder.weight("square.weight", random.standard_normal((64, 6, 2, 2)))}
    taller = builder.add("conv", x, name="taller", weights=square, padding=(1, 1, 1, 1))
    outputs.append(builder.add("conv", taller, name="strips", weights=keys, padding=(1, 1, 1, 1)))
    shapes = np.stack([random.permutation(25) < 4 for _ in range(20)]).reshape(20, 5, 5)
    few = random.standard_normal((64, 64, 5, 5)) * shapes[random.integers(0, 20, (64, 64))]
    few *= random.random((64, 64, 1, 1)) < 0.5
    keys = {"weight": builder.weight("few.weight", few)}
    outputs.append(builder.add("conv", y, name="few", weights=keys, padding=(2, 2, 2, 2)))
    y = builder.conv(x, 20, 3, name="blocked", activation="relu")
    outputs.append(builder.conv(y, 20, 3, name="blocked_depthwise", groups=20))
    outputs.append(builder.conv(x, 6, 3, name="blocked_first", groups=6))
    y = builder.conv(x, 48, 1, name="expand", activation="relu")
    outputs.append(builder.conv(y, 48, 3, name="spread", groups=48, activation="relu"))
    for axis in (1, 3):
        for op in ("softmax", "log_softmax"):
            outputs.append(builder.add(op, x, name=f"{op}{axis}", axis=axis))
    outputs += _algebra(builder, x)
    pool = {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1, 1, 1)}
    outputs.append(builder.add("max_pool", x, name="max_pool", **pool))
    outputs.append(builder.add("average_pool", x, name="average_pool", ceil_mode=True, **pool))
    outputs.append(builder.add("transpose", x, name="turned", perm=(0, 2, 3, 1)))
    scales = {"shape": (1, 6, 20, 20), "scales": (1.0, 1.0, 20 / 13, 20 / 11)}
    outputs.append(builder.add("resize", x, name="resized", mode="linear", **scales))
    volume = builder.add("reshape", x, name="volume", shape=(1, 2, 3, 13, 11))
    window = {"kernel": (2, 3, 1), "padding": (1, 1, 0, 0, 1, 0)}
    window |= {"stride": (1, 2, 2), "dilation": (1, 2, 1)}
    for op in ("max", "average", "lp"):
        outputs.append(builder.add(f"{op}_pool", volume, name=f"{op}_3d", **window))
    del window["kernel"]
    keys = {"weight": builder.weight("volume.weight", random.standard_normal((4, 2, 2, 3, 1)))}
    outputs.append(builder.add("conv", volume, name="conv_3d", weights=keys, **window))
    flat = builder.add("flatten", x, name="flat")
    outputs.append(builder.linear(flat, 21, name="linear"))
    return builder.build(*outputs)


def _schedules(target: Target) -> dict[str, Schedule]:
    """Every family that the target has tiles for."""
    if target.registers not in FAMILIES["conv_pattern"].tiles:
        return _SCHEDULES
    patterns = {"pattern": Schedule("pattern", 1, 3), "strips": Schedule("pattern_rows", 7, 1)}
    return {**_SCHEDULES, **patterns}


@pytest.mark.parametrize("name", ["aarch64-a76", "armv7-neon"])
def test_every_family_builds_without_a_warning_for_other_processors(name: str) -> None:
    target = load_target(name)
    bundle = generate(_every_operation(), target, schedules=_schedules(target))
    binary = build(bundle, target, cache_dir=toolchain_cache())
    assert binary.elf[:4] == b"\x7fELF"
    assert "warning" not in binary.log


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_family_equals_torch_under_sanitizers(compiler: str, tmp_path: Path) -> None:
    from codegen.toolchain.compiler import cc_compiler

    graph = _every_operation()
    inputs = compiled_graph.random_inputs(graph)
    for target in _runnable()[:1]:
        got = compiled_graph.run_compiled(
            graph,
            target,
            inputs,
            tmp_path,
            sanitize=True,
            compiler=cc_compiler(compiler),
            repeat=2,
            schedules=_schedules(target),
        )
        wanted = compiled_graph.run_torch(graph, inputs)
        for name, one, other in zip(graph.outputs, got, wanted, strict=True):
            bound = 1e-4 if name == "winograd" else 2e-6
            assert compiled_graph.relative_error(one, other) <= bound, name


def test_every_family_is_in_that_graph_or_needs_a_huge_layer() -> None:
    target = load_target("x86_64-avx512")
    program = lower(_every_operation(), target, _schedules(target))
    used = {step.microkernel.family for step in program.steps}
    # Padding is cleared where large buffers share room, which the next test forces.
    assert used == FAMILIES.keys() - {"linear_wide", "clear"}


@pytest.mark.parametrize("sanitize", [True, "thread"])
def test_buffers_that_all_share_room_hold_what_torch_computes(
    sanitize: Sanitizers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codegen.lowering.memory_plan._OWN_ROOM", (0,))
    monkeypatch.setattr("codegen.lowering.thread_plan._LEAST_CYCLES", 1.0)
    graph = build_model("mobilenet_v2", input_shape=(3, 32, 32), classes=5, width=0.25)
    inputs = compiled_graph.random_inputs(graph)
    for target in _runnable()[:1]:
        program, _ = plan_memory(lower(optimize(graph), target), target.vector_floats)
        cleared = [step for step in program.steps if step.microkernel.family == "clear"]
        assert len(cleared) > 5
        got = compiled_graph.run_compiled(
            graph, target, inputs, tmp_path, sanitize=sanitize, threads=4, repeat=3
        )
        wanted = compiled_graph.run_torch(graph, inputs)
        assert compiled_graph.relative_error(got[0], wanted[0]) <= 1e-5


_PRUNED = frozenset({"pattern", "few", "strips"})


def test_nan_and_infinity_pass_through_as_in_torch(tmp_path: Path) -> None:
    """A mask drops what padding holds, never what the picture holds.

    Pruned weights are absent: zero times NaN is NaN in torch and nothing here. Winograd spreads
    them over its tile (`--exact` forbids it); a maximum over a window may leave
    a NaN out, as onnxruntime's does; gelu of minus infinity is 0 here and NaN in torch.
    """
    graph = _every_operation()
    inputs = compiled_graph.random_inputs(graph)
    inputs[0][0, 1, 3, 4] = np.nan
    inputs[0][0, 2, 8, 8] = np.inf
    inputs[0][0, 3, 10, 2] = -np.inf
    wanted = compiled_graph.run_torch(graph, inputs)
    for target in _runnable()[:1]:
        got = compiled_graph.run_compiled(graph, target, inputs, tmp_path, repeat=2)
        for name, one, other in zip(graph.outputs, got, wanted, strict=True):
            if "gelu" in name or "max" in name or name == "winograd" or name in _PRUNED:
                continue
            assert np.array_equal(np.isnan(one), np.isnan(other)), name
            assert np.array_equal(one[np.isinf(one)], other[np.isinf(other)]), name


def test_every_family_runs_without_data_races(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step is shared, however small, and compared too: a lost part shows in the numbers."""
    monkeypatch.setattr("codegen.lowering.thread_plan._LEAST_CYCLES", 1.0)
    graph = _every_operation()
    inputs = compiled_graph.random_inputs(graph)
    wanted = compiled_graph.run_torch(graph, inputs)
    for target in _runnable()[:1]:
        got = compiled_graph.run_compiled(
            graph,
            target,
            inputs,
            tmp_path,
            sanitize="thread",
            threads=3,
            repeat=3,
            schedules=_schedules(target),
        )
        for name, one, other in zip(graph.outputs, got, wanted, strict=True):
            assert compiled_graph.relative_error(one, other) <= 1e-4, name


def test_layers_with_more_inputs_than_16_bits_count_take_the_wide_indices(tmp_path: Path) -> None:
    builder = GraphBuilder("wide")
    x = builder.input((1, 70000))
    values = np.zeros((3, 70000), dtype=np.float32)
    values[:, [0, 65535, 65536, 69999]] = np.arange(12).reshape(3, 4)
    builder.add("linear", x, name="y", weights={"weight": builder.weight("w", values)})
    graph = builder.build("y")
    inputs = compiled_graph.random_inputs(graph)
    for target in _runnable()[:1]:
        got = compiled_graph.run_compiled(graph, target, inputs, tmp_path)
        assert compiled_graph.relative_error(got[0], inputs[0] @ values.T) < 1e-6
