"""Depthwise layers of patterns: zeros are neither stored nor multiplied."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.compiler import generate
from codegen.ir import Graph, GraphBuilder
from codegen.targets.registry import load_target
from tests.fixtures import compiled_graph

AVX2 = load_target("x86_64-avx2")


def _layer(kept: int) -> Graph:
    """40 channels with `kept` weights of nine each, the last one without any."""
    random = np.random.default_rng(2)
    values = random.standard_normal((40, 1, 3, 3))
    values *= random.random((40, 9)).argsort(axis=1).reshape(values.shape) < kept
    values[-1] = 0
    builder = GraphBuilder("depthwise")
    x = builder.input((1, 40, 19, 17))
    keys = {
        "weight": builder.weight("w", values),
        "bias": builder.weight("b", random.standard_normal(40)),
    }
    padding = (1, 1, 1, 1)
    y = builder.add("conv", x, name="layer", weights=keys, groups=40, padding=padding)
    return builder.build(y)


def test_a_pattern_of_two_skips_the_other_seven(tmp_path: Path) -> None:
    graph = _layer(2)
    bundle = generate(graph, AVX2)
    (layer,) = [one for one in bundle.manifest["layers"] if one["name"] == "layer"]
    assert "conv_depthwise" in layer["kernel"]
    # Weights of 4 bytes and taps of 2; offsets, bias and starts; each array on a boundary of 64.
    assert len(bundle.weights) <= 39 * 2 * (4 + 2) + 9 * 4 + 40 * 4 + 41 * 4 + 5 * 63
    inputs = compiled_graph.random_inputs(graph)
    got = compiled_graph.run_compiled(graph, AVX2, inputs, tmp_path)
    assert compiled_graph.relative_error(got[0], compiled_graph.run_torch(graph, inputs)[0]) < 2e-6


def test_a_full_kernel_is_not_told_weight_by_weight() -> None:
    (layer,) = [
        one for one in generate(_layer(9), AVX2).manifest["layers"] if one["name"] == "layer"
    ]
    assert "conv_depthwise" not in layer["kernel"]
