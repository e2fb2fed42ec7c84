"""Repair on the net that is shipped: what makes one-shot scores mean something."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from backend.data.batches import normalise
from backend.data.sample import load_sample
from backend.models.zoo import trained_model
from backend.sparsity.calibration import Calibration, calibrate
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prunable_layers, prune_graph
from backend.sparsity.repair import repair
from backend.training.evaluate import evaluate
from codegen.ir.graph import Graph

TESTED = 1000


@cache
def calibration() -> Calibration:
    net, data = trained_model("resnet20"), load_sample()
    assert net.preprocessing is not None
    return calibrate(net, normalise(torch.from_numpy(data.train_images[:256]), net.preprocessing))


def accuracy(graph: Graph) -> float:
    data = load_sample()
    return evaluate(graph, data.test_images[:TESTED], data.test_labels[:TESTED]).accuracy


def lost(choice: LayerChoice) -> float:
    """Share of the test images lost by the default repair, on every 3x3 layer but the first."""
    net = calibration().graph
    candidate = Candidate.of(
        {
            node.name: choice
            for node in prunable_layers(net)
            if node.name.endswith(("conv1", "conv2")) and "." in node.name
        }
    )
    plain = accuracy(prune_graph(net, candidate))
    assert plain < 0.6, "chance is near"
    dense = accuracy(net)
    assert dense > 0.92
    return dense - accuracy(repair(net, candidate, calibration=calibration()))


# Bounds leave room for the 1,000 images and for 256 instead of 512 unlabelled ones.
@pytest.mark.parametrize(
    ("choice", "most"),
    [
        (LayerChoice("pattern", 2.25, group=1), 0.025),
        (LayerChoice("pattern", 8.1, group=1), 0.075),
        (LayerChoice("pattern", 8.1, group=8), 0.15),
        (LayerChoice("block_punched", 4.0, block=(8, 4)), 0.06),
    ],
    ids=lambda value: value.label if isinstance(value, LayerChoice) else str(value),
)
def test_repair_brings_a_pruned_net_back_from_chance(choice: LayerChoice, most: float) -> None:
    found = lost(choice)
    assert found < most, found
