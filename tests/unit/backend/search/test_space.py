"""The menu of every layer."""

from __future__ import annotations

import pytest

from backend.config.errors import ConfigError
from backend.config.search_file import SpaceConfig
from backend.models.zoo import build_model
from backend.search.space import build_space
from backend.sparsity.candidate import Candidate, LayerChoice
from codegen.ir.builder import GraphBuilder
from tests.unit.backend.search.small_problem import small_graph, small_problem


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


def test_npas_menu_is_that_of_the_paper() -> None:
    """papers.md 1.3: 71 choices where a 3x3 layer can be skipped, 13 for a 1x1 one."""
    space = build_space(small_graph(), SpaceConfig.model_validate({"menu": "npas"}))
    counts = {name: len(menu) for name, menu in space.menus}
    assert counts["layer1.0.conv1"] == 71
    assert counts["layer2.0.conv1"] == 70  # its shapes differ
    assert counts["layer2.0.downsample.0"] == 13
    rates = {c.rate for c in space.by_layer["layer1.0.conv1"] if c.scheme == "pattern"}
    assert rates == {2.25, 2.5, 3.0, 5.0, 7.0, 10.0}


def test_menu_with_a_name_is_weaker_than_keys_beside_it() -> None:
    config = SpaceConfig.model_validate({"menu": "full", "rates": [4], "schemes": ["pattern"]})
    assert config.rates == (4.0,)
    assert config.schemes == ("pattern",)
    assert config.blocks == ((4, 1), (8, 4), (16, 4))
    with pytest.raises(ValueError, match="there is no menu 'half'"):
        SpaceConfig.model_validate({"menu": "half"})


def test_single_layers_have_menus_of_their_own() -> None:
    config = SpaceConfig.model_validate(
        {
            "rates": [4],
            "layers": {
                "layer1.0.conv1": {
                    "filter_types": ["conv1x1", "skip"],
                    "schemes": ["block_punched"],
                    "rates": [2],
                    "blocks": [[8, 4], [16, 4]],
                },
                "layer1.0.conv2": {"schemes": ["dense"]},
                "layer2.0.downsample.0": {"filter_types": ["conv3x3"], "rates": [1]},
            },
        }
    )
    labels = build_space(small_graph(), config).labels
    assert labels["layer1.0.conv1"] == [
        "dense",
        "block_punched/2/8x4",
        "block_punched/2/16x4",
        "dense/@conv1x1",
        "block_punched/2/8x4/@conv1x1",
        "block_punched/2/16x4/@conv1x1",
        "dense/@skip",
    ]
    assert "layer1.0.conv2" not in labels
    # dearer than the layer, but named for it
    assert labels["layer2.0.downsample.0"] == ["dense", "dense/@conv3x3"]
    assert labels["layer2.0.conv1"] == ["dense", "pattern/4/natural-8/g4", "block_punched/4/4x1"]


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ({"layer2.0.downsample.0": {"schemes": ["pattern"]}}, "patterns need 3x3 kernels"),
        ({"layer2.0.conv1": {"filter_types": ["skip"], "schemes": ["dense"]}}, "16x28x28"),
        ({"layer1.0.conv1": {"schemes": ["pattern"], "rates": [2]}}, "the rate 2 is not possible"),
        ({"conv1": {"rates": [2]}}, "'conv1' stays as it is, since the first convolution"),
        ({"fc": {"rates": [2]}}, "'fc' stays as it is"),
        ({"layer1.0.conv3": {"rates": [2]}}, "no layer 'layer1.0.conv3'.*'layer1.0.conv1'"),
    ],
)
def test_a_layer_with_nothing_to_choose_is_one_sentence(layers: dict, says: str) -> None:
    config = SpaceConfig.model_validate({"layers": layers})
    with pytest.raises(ConfigError, match=says) as caught:
        build_space(small_graph(), config)
    assert next(iter(layers)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_know_filter_types_in_the_right_order() -> None:
    problem = small_problem(menu="full")
    damage, cost = problem.damage["layer1.0.conv1"], problem.cost["layer1.0.conv1"]
    kinds = ["dense", "dense/@conv1x1_dw3x3_conv1x1", "dense/@dw3x3_conv1x1", "dense/@conv1x1"]
    kinds.append("dense/@skip")
    assert sorted(kinds, key=damage.__getitem__) == kinds
    assert sorted(kinds, key=cost.__getitem__, reverse=True) == kinds
    assert damage["dense/@skip"] == 1.0
    assert set(damage) == set(cost) == set(problem.space.labels["layer1.0.conv1"])
