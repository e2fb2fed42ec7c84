"""Which searched layers feed each other."""

from __future__ import annotations

from backend.models.zoo import build_model
from backend.search.layer_edges import layer_edges
from codegen.ir.graph import Graph
from tests.unit.backend.search.small_problem import small_graph


def convolutions(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes if node.op == "conv"]


def test_net_with_residual_sums_has_edges_past_its_blocks() -> None:
    graph = small_graph()
    layers = convolutions(graph)
    edges = layer_edges(graph, layers)
    assert all(layers.index(one) < layers.index(other) for one, other in edges)
    chain = list(zip(layers, layers[1:], strict=False))
    assert {("layer1.0.conv1", "layer1.0.conv2"), ("conv1", "layer1.0.conv1")} <= set(edges)
    assert ("conv1", "layer2.0.conv1") in edges  # round the first block
    assert set(edges) - set(chain)


def test_net_without_branches_is_a_chain_also_of_some_of_its_layers() -> None:
    graph = build_model("vgg_small", input_shape=(3, 32, 32), classes=10)
    layers = convolutions(graph)[1::2]
    assert layer_edges(graph, layers) == tuple(zip(layers, layers[1:], strict=False))
