from __future__ import annotations

import json

import numpy as np
import pytest

from backend.models.zoo import build_model
from backend.sparsity.patterns import (
    SCPS,
    UNIVERSE,
    PatternSet,
    coverage,
    natural_histogram,
    natural_patterns,
    parse_pattern,
    pattern_text,
    preset_patterns,
)
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph


def net_of(kernels: np.ndarray) -> Graph:
    b = GraphBuilder("net")
    x = b.input((1, kernels.shape[1], 8, 8))
    name = b.conv(x, len(kernels), 3, name="conv")
    graph = b.build(name)
    weight = graph.weights["conv.weight"]
    return graph.with_weights({"conv.weight": type(weight)(kernels)})


def test_universe_is_the_centre_and_three_others() -> None:
    assert len(set(UNIVERSE)) == 56
    assert all(pattern >> 4 & 1 and pattern.bit_count() == 4 for pattern in UNIVERSE)


def test_the_four_scps_are_crosses_without_one_arm() -> None:
    mean = SCPS.masks.mean(axis=0).reshape(3, 3)
    assert np.array_equal(mean, [[0, 0.75, 0], [0.75, 1, 0.75], [0, 0.75, 0]])


def test_natural_pattern_is_centre_and_largest_others() -> None:
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0] = [[0.1, 0.9, 0.2], [-0.8, 0.01, 0.3], [0.0, 0.05, -0.7]]
    counts = natural_histogram(net_of(kernel))
    assert counts == {parse_pattern("010110001"): 1}


def test_most_frequent_patterns_come_first_and_kernels_of_zeros_do_not_count() -> None:
    random = np.random.default_rng(0)
    kernels = random.standard_normal((8, 8, 3, 3)).astype(np.float32) * 0.1
    favourite = UNIVERSE[20]
    keep = np.array([favourite >> k & 1 for k in range(9)], bool).reshape(3, 3)
    kernels[:6, :, keep] += 5
    kernels[7] = 0
    net = net_of(kernels)
    found = natural_patterns(net, 4)
    assert found.patterns[0] == favourite
    assert len(found.patterns) == 4
    assert coverage(net, found)[0] >= 48 / 56
    assert sum(natural_histogram(net).values()) == 56


def test_a_net_without_3x3_kernels_has_no_natural_patterns() -> None:
    b = GraphBuilder("plain")
    x = b.input((1, 4, 8, 8))
    graph = b.build(b.conv(x, 4, 1, name="conv"))
    with pytest.raises(PlanError, match="no 3x3"):
        natural_patterns(graph)


def test_pattern_sets_survive_json() -> None:
    found = natural_patterns(build_model("resnet8", input_shape=(1, 28, 28), classes=10))
    assert PatternSet.from_json(found.to_json()) == found
    assert all(len(text) == 9 for text in json.loads(found.to_json())["patterns"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"name": "x", "patterns": []}',
        '{"name": "x", "patterns": ["111110000"]}',
        '{"name": "x", "patterns": ["111100000", "111100000"]}',
        '{"name": "x", "patterns": ["11110000"]}',
        '{"name": "x", "patterns": [7]}',
    ],
)
def test_broken_pattern_sets_are_refused(text: str) -> None:
    with pytest.raises(PlanError):
        PatternSet.from_json(text)


def test_text_reads_row_by_row_from_the_top_left() -> None:
    assert pattern_text(0b1_0001_0000 | 0b11) == "110010001"


def test_presets_are_shipped() -> None:
    presets = preset_patterns()
    assert presets["scp-4"] == SCPS
    assert len(presets["natural-8"].patterns) == 8
