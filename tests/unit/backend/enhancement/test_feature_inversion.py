"""Features of the sample net turned back into pictures."""

from __future__ import annotations

import pytest
import torch

from backend.data.sample import load_sample
from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.errors import EnhancementError
from backend.enhancement.feature_inversion import default_layer, invert_features
from backend.models.zoo import build_model, trained_model

torch.set_num_threads(1)


def test_the_loss_falls_and_the_picture_comes_back_better_than_noise() -> None:
    net = AttributedNet(trained_model("resnet20"))
    images = load_sample().test_images[:2]
    x = net.normalised(images)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    layer = default_layer(net.graph, net.graph)
    assert layer == "layer1.2.relu2"
    found = invert_features(net, x, layer, noise, iterations=100)
    assert bool((found.last_loss < 0.5 * found.first_loss).all())
    wanted = torch.from_numpy(images).float() / 255
    low, high = net.box()
    start = ((0.1 * noise).clamp(low, high) - low) / (high - low)
    error = (found.pictures - wanted).square().mean((1, 2, 3))
    assert bool((error < 0.5 * (start - wanted).square().mean((1, 2, 3))).all())
    assert float(found.pictures.min()) >= 0.0
    assert float(found.pictures.max()) <= 1.0
    first = [invert_features(net, x, layer, noise, iterations=3).pictures for _ in range(2)]
    torch.testing.assert_close(first[0], first[1])


def test_a_layer_that_is_not_there_is_named() -> None:
    net = AttributedNet(trained_model("resnet20"))
    x = torch.zeros(1, 1, 28, 28)
    with pytest.raises(EnhancementError, match="no layer 'relu99'"):
        invert_features(net, x, "relu99", x)


def test_nets_without_a_common_layer_cannot_be_inverted() -> None:
    first = build_model("resnet8", input_shape=(1, 12, 12), classes=3, width=0.5)
    second = build_model("vgg_small", input_shape=(1, 16, 16), classes=3, width=0.25)
    with pytest.raises(EnhancementError, match="no rectified layer of the same name"):
        default_layer(first, second)
