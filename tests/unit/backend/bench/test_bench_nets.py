"""The benchmark's nets: what is pruned, how, and that the numbers stay usable."""

from __future__ import annotations

import numpy as np
import pytest

from backend.bench.errors import BenchError
from backend.bench.live_set import largest_live_bytes
from backend.bench.nets import GROUP, NETS, build_net, named_nets
from backend.models.zoo import MODELS
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph

SMALL = (3, 64, 64)


def layers(graph: Graph, op: str, kernel: tuple[int, ...]) -> list[np.ndarray]:
    nodes = [node for node in graph.nodes if node.op == op]
    weights = [graph.weights[node.weights["weight"]].values for node in nodes]
    return [w for w in weights if w.shape[2:] == kernel and w.shape[1] > 3]


def share_positions(weight: np.ndarray) -> bool:
    kept = (weight != 0).reshape(len(weight) // GROUP, GROUP, -1)
    return bool((kept == kept[:, :1]).all())


def test_every_net_has_a_base_model_and_a_dense_twin() -> None:
    for net in NETS.values():
        assert net.model in MODELS
        assert NETS[net.dense_name].rule is None


def test_names_and_groups_of_names() -> None:
    assert [net.name for net in named_nets("resnet18-g8, vgg16")] == ["resnet18-g8", "vgg16"]
    assert {net.rule is None for net in named_nets("dense")} == {True}
    assert set(named_nets("all")) == set(NETS.values())
    with pytest.raises(BenchError, match="no benchmark net 'vgg19'"):
        named_nets("vgg19")


def test_groups_share_patterns_and_leave_the_first_layer_dense() -> None:
    graph = build_net(NETS["resnet18-g8"], input_shape=SMALL)
    for weight in layers(graph, "conv", (3, 3)):
        assert share_positions(weight)
        assert weight.size / np.count_nonzero(weight) == pytest.approx(8.1, rel=0.02)
        assert np.count_nonzero(weight.reshape(-1, 9), axis=1).max() == 4
    for weight in layers(graph, "conv", (1, 1)):
        assert np.count_nonzero(weight) == weight.size
    assert not any(node.op == "batch_norm" for node in graph.nodes)


def test_pointwise_blocks_leave_depthwise_alone() -> None:
    graph = build_net(NETS["mobilenetv2-b5x"], input_shape=SMALL)
    rates = [w.size / np.count_nonzero(w) for w in layers(graph, "conv", (1, 1))]
    assert max(rates) == pytest.approx(5, rel=0.1)
    depthwise = [n for n in graph.nodes if n.op == "conv" and n.integer("groups") > 1]
    for node in depthwise:
        weight = graph.weights[node.weights["weight"]].values
        assert np.count_nonzero(weight) == weight.size


def test_per_filter_net_has_filters_of_their_own() -> None:
    graph = build_net(NETS["resnet18-pat8all"], input_shape=SMALL)
    assert not all(share_positions(weight) for weight in layers(graph, "conv", (3, 3)))
    (linear,) = (node for node in graph.nodes if node.op == "linear")
    weight = graph.weights[linear.weights["weight"]].values
    assert weight.size / np.count_nonzero(weight) == pytest.approx(5, rel=0.01)


def test_pruned_weights_keep_their_spread() -> None:
    dense = build_net(NETS["resnet18"], input_shape=SMALL)
    pruned = build_net(NETS["resnet18-g8"], input_shape=SMALL)
    for before, after in zip(
        layers(dense, "conv", (3, 3)), layers(pruned, "conv", (3, 3)), strict=True
    ):
        assert np.sqrt(np.mean(after**2)) == pytest.approx(before.std(), rel=1e-3)


def test_live_set_counts_what_waits_for_an_addition() -> None:
    b = GraphBuilder("net", seed=0)
    x = b.input((1, 2, 4, 4))
    y = b.add("relu", b.conv(x, 8, 3, name="wide"), name="wide_relu")
    z = b.conv(y, 2, 3, name="narrow")
    out = b.add("flatten", b.add("add", x, z, name="sum"), name="flat")
    # While `narrow` runs: x (for the addition), y and z; before it x and two wide values.
    assert largest_live_bytes(b.build(out)) == 4 * 16 * (2 + 8 + 8)
