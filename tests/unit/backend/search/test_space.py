"""The menu of every layer."""

from __future__ import annotations

import pytest

from backend.config.search_file import ConfigError, SpaceConfig
from backend.models.zoo import build_model
from backend.search.space import build_space
from backend.sparsity.candidate import Candidate, LayerChoice
from codegen.ir.builder import GraphBuilder
from tests.unit.backend.search.small_problem import small_graph


def test_first_convolution_and_classifier_are_not_searched() -> None:
    space = build_space(small_graph(), SpaceConfig())
    assert "conv1" not in space.layers
    assert "fc" not in space.layers
    assert "layer1.0.conv1" in space.layers


def test_every_choice_is_legal_and_dense_stands_first() -> None:
    space = build_space(small_graph(), SpaceConfig())
    for name, menu in space.menus:
        assert menu[0] == LayerChoice()
        is_1x1 = "downsample" in name
        assert any(choice.scheme == "pattern" for choice in menu) != is_1x1
        assert len(set(space.labels[name])) == len(menu)


def test_rates_below_what_patterns_can_do_are_left_out() -> None:
    space = build_space(small_graph(), SpaceConfig(schemes=("pattern",), rates=(1.5, 4.0)))
    assert {choice.rate for choice in space.by_layer["layer1.0.conv1"]} == {1.0, 4.0}


def test_labels_and_candidates_are_two_forms_of_one_thing() -> None:
    space = build_space(small_graph(), SpaceConfig())
    labels = {name: menu[-1].label for name, menu in space.menus}
    candidate = space.candidate(labels)
    assert space.params(candidate) == labels
    dense = space.candidate({name: "dense" for name in space.layers})
    assert dense == Candidate()


def test_enumeration_meets_every_candidate_once() -> None:
    space = build_space(small_graph(), SpaceConfig(schemes=("pattern",), rates=(4.0,)))
    digests = {space.candidate(labels).digest for labels in space.candidates()}
    assert len(digests) == space.size == 2**6


def test_digest_tells_spaces_apart() -> None:
    graph = small_graph()
    digests = {
        build_space(graph, SpaceConfig(rates=rates)).digest for rates in ((4.0,), (4.0, 8.1))
    }
    assert len(digests) == 2


def test_group_and_block_of_the_configuration_are_in_the_labels() -> None:
    space = build_space(small_graph(), SpaceConfig(rates=(4.0,), group=2, blocks=((8, 4),)))
    labels = space.labels["layer1.0.conv1"]
    assert labels == ["dense", "pattern/4/natural-8/g2", "block_punched/4/8x4"]


def test_space_without_any_choice_is_refused() -> None:
    graph = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    with pytest.raises(ConfigError, match="add a scheme, a rate or a filter type"):
        build_space(graph, SpaceConfig(schemes=("block",)))


def test_balance_and_axes_reach_the_schemes_that_know_them() -> None:
    config = SpaceConfig(
        schemes=("pattern", "unstructured"), rates=(4.0,), balance="unbalanced", axes="both"
    )
    labels = build_space(small_graph(), config).labels["layer1.0.conv1"]
    assert labels == ["dense", "pattern/4/natural-8/g4/unbalanced", "unstructured/4"]


def test_depthwise_layers_are_offered_patterns_alone() -> None:
    graph = build_model("mobilenet_v2", input_shape=(3, 32, 32), classes=5, width=0.25)
    menus = build_space(graph, SpaceConfig(schemes=("pattern",))).by_layer
    assert menus
    assert all({choice.rate for choice in menu} == {1.0, 2.25} for menu in menus.values())


def test_fully_connected_layers_before_the_classifier_are_searched_in_blocks() -> None:
    b = GraphBuilder("mlp")
    y = b.linear(b.add("flatten", b.input((1, 3, 4, 4)), name="flat"), 16, name="fc1")
    graph = b.build(b.linear(b.linear(y, 16, name="fc2"), 4, name="fc3"))
    config = SpaceConfig(schemes=("block", "filter"), rates=(2.0,), blocks=((4, 8),), axes="both")
    labels = build_space(graph, config).labels
    assert labels["fc2"] == ["dense", "block/2/4x8/both", "filter/2"]
    assert "fc3" not in labels
