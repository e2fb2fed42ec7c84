from __future__ import annotations

from pathlib import Path

import pytest

from backend.config.plan_file import load_plan, parse_plan, write_plan
from backend.models.zoo import build_model
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import prunable_layers
from codegen.errors import PlanError
from codegen.ir.graph import Graph

SETS = {"scp-4": SCPS}
PLAN = """
default: {scheme: block_punched, rate: 4, block: [8, 4]}
layers:
  conv1: {scheme: dense}
  layer1.0.conv1: {scheme: pattern, rate: 8.1, patterns: scp-4, group: 8}
"""


@pytest.fixture(scope="module")
def net() -> Graph:
    return build_model("resnet8", input_shape=(1, 28, 28), classes=10)


def test_default_goes_where_its_scheme_is_legal(net: Graph) -> None:
    plan = parse_plan(PLAN, net, pattern_sets=SETS)
    assert plan.choice("conv1") == LayerChoice()
    assert plan.choice("fc") == LayerChoice()
    assert plan.choice("layer3.0.conv2").label == "block_punched/4/8x4"
    assert plan.choice("layer2.0.downsample.0").label == "block_punched/4/8x4"
    assert plan.choice("layer1.0.conv1").label == "pattern/8.1/scp-4/g8"


def test_a_candidate_written_as_a_plan_is_read_back(net: Graph) -> None:
    plan = parse_plan(PLAN, net, pattern_sets=SETS)
    again = parse_plan(write_plan(plan), net, pattern_sets=SETS)
    assert again == plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layers: {conv9: {scheme: filter, rate: 2}}", "no layer 'conv9'.*'conv1'"),
        ("layers: {conv9: {scheme: dense}}", "no layer 'conv9'"),
        ("layers: {conv1: {scheme: pattern, rate: 2, patterns: scp-4}}", "'conv1'.*2.25"),
        ("layers: {conv1: {scheme: pattern, rate: 4, patterns: x}}", "no pattern set 'x'"),
        ("layers: {conv1: {scheme: blok, rate: 2}}", "no scheme 'blok'"),
        ("layers: {fc: {scheme: block_punched, rate: 2}}", "'fc'.*convolution"),
        ("layers: {fc: {scheme: dense, rate: 2}}", "'fc'.*dense layer has rate 1"),
        ("default: {scheme: pattern, rate: 2, patterns: scp-4}", "2.25"),
        ("default: {scheme: blok, rate: 2}", "no scheme 'blok'"),
        ("default: {scheme: filter, rate: 0.5}", "default.rate"),
        ("default: {scheme: filter, rate: 2, balance: even}", "default.balance.*'even'"),
        ("default: {scheme: block, rate: 2, axes: all}", "default.axes.*'all'"),
        ("default: {scheme: filter, rate: .inf}", "default.rate"),
        ("default: {scheme: filter, rat: 2}", "default.rat: is not a key"),
        ("layer: {}", "layer: is not a key"),
        ("default: {scheme: block_punched, rate: 2, block: [8]}", "default.block"),
        ("default: [", "not YAML .line 1"),
        ("", "needs the keys"),
        ("- 1", "needs the keys"),
    ],
)
def test_mistakes_are_told_in_one_sentence(net: Graph, text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        parse_plan(text, net, pattern_sets=SETS)
    assert "\n" not in str(caught.value)


def test_balance_and_axes_are_read_and_written(net: Graph) -> None:
    text = """
    default: {scheme: pattern, rate: 8.1, patterns: scp-4, balance: unbalanced}
    layers:
      fc: {scheme: block, rate: 2, block: [4, 16], axes: both}
    """
    plan = parse_plan(text, net, pattern_sets=SETS)
    assert plan.choice("layer1.0.conv1").label == "pattern/8.1/scp-4/g8/unbalanced"
    assert plan.choice("fc").label == "block/2/4x16/both"
    assert parse_plan(write_plan(plan), net, pattern_sets=SETS) == plan


def test_filters_of_one_kernel_stay_dense_where_the_default_asks_for_connectivity(
    net: Graph,
) -> None:
    """conv1 reads one channel: patterns alone are all it can have."""
    plan = parse_plan("default: {scheme: pattern, rate: 8.1, patterns: scp-4}", net)
    assert plan.choice("conv1").is_dense
    mild = parse_plan("default: {scheme: pattern, rate: 2.25, patterns: scp-4}", net)
    assert not mild.choice("conv1").is_dense


def test_a_missing_file_is_told(net: Graph, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        load_plan(tmp_path / "none.yaml", net)


def test_layers_too_small_for_the_default_stay_dense(net: Graph) -> None:
    plan = parse_plan("default: {scheme: unstructured, rate: 500}", net)
    sizes = {
        node.name: net.weights[node.weights["weight"]].values.size for node in prunable_layers(net)
    }
    for name, size in sizes.items():
        assert plan.choice(name).is_dense == (size / 500 < 0.5), name
