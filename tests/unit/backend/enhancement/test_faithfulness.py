"""Deletion and insertion on a net whose important pixels are known."""

from __future__ import annotations

import torch

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.faithfulness import deletion_and_insertion
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Preprocessing

torch.set_num_threads(1)


def test_a_true_map_deletes_faster_and_inserts_faster_than_its_opposite() -> None:
    b = GraphBuilder("five", 1)
    x = b.input((1, 1, 4, 5))
    weight = torch.zeros(2, 20)
    weight[0, :2] = 4.0  # only the first two pixels speak for class 0
    y = b.add("flatten", x, name="flat")
    key = b.weight("fc.weight", weight.numpy())
    bias = b.weight("fc.bias", [-4.0, 0.0])
    y = b.add("linear", y, name="fc", weights={"weight": key, "bias": bias})
    net = AttributedNet(b.build(y, preprocessing=Preprocessing((0.0,), (1.0,))))
    picture, classes = torch.ones(1, 1, 4, 5), torch.tensor([0])
    true = weight[0].view(1, 4, 5)
    deletion, insertion = deletion_and_insertion(net, picture, classes, true, steps=10)
    with_all, without = torch.sigmoid(torch.tensor([4.0, -4.0])).tolist()
    # both pixels go in the first tenth: one half step of the full value, the rest without them
    torch.testing.assert_close(float(deletion), 0.05 * with_all + 0.95 * without)
    torch.testing.assert_close(float(insertion), 0.05 * without + 0.95 * with_all)
    worse, slower = deletion_and_insertion(net, picture, classes, -true, steps=10)
    assert float(worse) > 0.9
    assert float(slower) < 0.1
