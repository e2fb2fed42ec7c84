"""Repair on the net that is shipped: what makes one-shot scores mean something."""

from __future__ import annotations

import torch

from backend.data.batches import normalise
from backend.data.sample import load_sample
from backend.models.zoo import trained_model
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prunable_layers, prune_graph
from backend.sparsity.repair import repair
from backend.training.evaluate import evaluate


def test_repair_brings_a_pruned_net_back_from_chance() -> None:
    net, data = trained_model("resnet20"), load_sample()
    choice = LayerChoice("block_punched", 4.0, block=(4, 1))
    candidate = Candidate.of(
        {
            node.name: choice
            for node in prunable_layers(net)
            if node.name.endswith(("conv1", "conv2")) and "." in node.name
        }
    )
    assert net.preprocessing is not None
    pixels = normalise(torch.from_numpy(data.train_images[:256]), net.preprocessing)
    images, labels = data.test_images[:600], data.test_labels[:600]
    dense = evaluate(net, images, labels).accuracy
    plain = evaluate(prune_graph(net, candidate), images, labels).accuracy
    repaired = evaluate(repair(net, candidate, pixels), images, labels).accuracy
    assert dense > 0.91
    assert plain < 0.5
    assert repaired > dense - 0.05
