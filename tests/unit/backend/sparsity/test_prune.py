from __future__ import annotations

import numpy as np
import pytest

from backend.models.zoo import build_model
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import legal_schemes, prunable_layers, prune_graph
from backend.sparsity.report import achieved, overall_rate
from codegen.errors import PlanError
from codegen.ir.graph import Graph

SETS = {"scp-4": SCPS}


@pytest.fixture(scope="module")
def net() -> Graph:
    return build_model("resnet8", input_shape=(1, 28, 28), classes=10)


def test_pruned_layers_reach_their_rate_and_others_stay(net: Graph) -> None:
    candidate = Candidate.of(
        {
            "layer1.0.conv1": LayerChoice("pattern", 8.1, patterns="scp-4", group=4),
            "layer2.0.conv2": LayerChoice("block_punched", 4),
            "fc": LayerChoice("block", 2),
        }
    )
    pruned = prune_graph(net, candidate, pattern_sets=SETS)
    rates = {row.name: row for row in achieved(pruned, candidate)}
    assert rates["layer2.0.conv2"].achieved == 4.0
    assert rates["layer1.0.conv1"].achieved == pytest.approx(8.1, rel=0.06)
    assert rates["fc"].achieved == 2.0
    assert rates["conv1"].achieved == 1.0
    assert overall_rate(rates.values()) == pytest.approx(1.136, abs=1e-3)
    kept = pruned.weights["layer2.0.conv2.weight"]
    assert kept.mask is not None
    before = net.weights["layer2.0.conv2.weight"].values
    assert np.array_equal(kept.values, np.where(kept.mask, before, 0))


def test_an_absent_layer_is_told_with_the_closest_names(net: Graph) -> None:
    candidate = Candidate.of({"layer1.conv1": LayerChoice("block_punched", 4)})
    with pytest.raises(PlanError, match=r"no layer 'layer1.conv1'.*'layer1.0.conv1'"):
        prune_graph(net, candidate)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (LayerChoice("pattern", 2.0, patterns="scp-4"), "'conv1'.*2.25"),
        (LayerChoice("pattern", 4.0, patterns="mine"), "no pattern set 'mine'"),
        (LayerChoice("block", 4.0), "'conv1'.*fully connected"),
        (LayerChoice("blocks", 4.0), "no scheme 'blocks'"),
        (LayerChoice("unstructured", 1e5), "leaves nothing"),
    ],
)
def test_choices_that_do_not_fit_are_told_by_layer(
    net: Graph, choice: LayerChoice, words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        prune_graph(net, Candidate.of({"conv1": choice}), pattern_sets=SETS)


def test_every_layer_knows_its_legal_schemes(net: Graph) -> None:
    schemes = {node.name: legal_schemes(net, node) for node in prunable_layers(net)}
    assert "pattern" in schemes["layer1.0.conv1"]
    assert "pattern" not in schemes["layer2.0.downsample.0"]
    assert "block" in schemes["fc"]
    assert "block_punched" not in schemes["fc"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 0.5},
        {"rate": float("nan")},
        {"group": 0},
        {"block": (0, 4)},
        {"balance": "even"},
        {"axes": "all"},
    ],
)
def test_impossible_choices_cannot_be_made(arguments: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        LayerChoice("pattern", **arguments)  # type: ignore[arg-type]


def test_candidates_leave_dense_layers_out() -> None:
    with_dense = Candidate.of({"b": LayerChoice("filter", 2), "a": LayerChoice()})
    assert with_dense == Candidate.of({"b": LayerChoice("filter", 2)})
    assert with_dense.choice("a") == LayerChoice()
    with pytest.raises(PlanError, match="twice"):
        Candidate((("b", LayerChoice("filter", 2)), ("b", LayerChoice("filter", 3))))
