"""Completeness and exact cases of integrated gradients."""

from __future__ import annotations

import pytest
import torch

from backend.data.sample import load_sample
from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.integrated_gradients import integrated_gradients
from backend.models.zoo import trained_model
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Preprocessing

torch.set_num_threads(1)


def test_attributions_of_a_real_net_add_up_to_the_change_of_its_score() -> None:
    net = AttributedNet(trained_model("resnet20"))
    x = net.normalised(load_sample().test_images[:3])
    classes = net.scores(x).argmax(1)
    passes = []
    found = integrated_gradients(net, x, classes, tick=passes.append)
    black, _ = net.box()
    wanted = net.scores(x) - net.scores(black.expand_as(x))
    change = wanted.gather(1, classes.view(-1, 1)).flatten()
    sums = found.values.flatten(1).sum(1)
    assert bool(((sums - change).abs() <= 0.0101 * change.abs()).all())
    assert bool((found.gap <= 0.01).all())
    assert int(found.steps.min()) >= 50
    assert sum(passes) == int((found.steps + 1).sum())


def test_a_linear_net_is_attributed_exactly() -> None:
    b = GraphBuilder("linear", 1)
    x = b.input((1, 1, 5, 4))
    y = b.linear(b.add("flatten", x, name="flat"), 3, name="fc")
    net = AttributedNet(b.build(y, preprocessing=Preprocessing((0.5,), (0.25,))))
    images = torch.randn(2, 1, 5, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([2, 0])
    found = integrated_gradients(net, images, classes)
    weight = torch.from_numpy(net.graph.weights["fc.weight"].values.copy())[classes]
    wanted = weight.view(2, 1, 5, 4) * (images - (0.0 - 0.5) / 0.25)
    torch.testing.assert_close(found.values, wanted, rtol=1e-4, atol=1e-5)
    assert found.steps.tolist() == [50, 50]


def test_intervals_are_added_only_where_the_sum_is_wrong_and_end_at_the_cap() -> None:
    """A kink late on the way: the first grid misses it, and the cap is kept."""
    b = GraphBuilder("kink", 1)
    x = b.input((1, 1, 1, 1))
    y = b.add("flatten", x, name="flat")
    key = b.weight("fc.weight", [[1.0], [0.0]])
    bias = b.weight("fc.bias", [-0.9013, 0.0])
    y = b.add("linear", y, name="fc", weights={"weight": key, "bias": bias})
    y = b.add("relu", y, name="relu")
    net = AttributedNet(b.build(y, preprocessing=Preprocessing((0.0,), (1.0,))))
    picture, classes = torch.ones(1, 1, 1, 1), torch.tensor([0])
    exact = integrated_gradients(net, picture, classes, tolerance=1e-4, most_steps=400)
    assert float(exact.values.sum()) == pytest.approx(1.0 - 0.9013, rel=2e-4)
    assert 50 < int(exact.steps) < 80
    capped = integrated_gradients(net, picture, classes, tolerance=1e-9, most_steps=52)
    assert int(capped.steps) == 52
