"""Guided back-propagation against hooks on an equal torch module."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.errors import EnhancementError
from backend.enhancement.rectifiers import rectified_values
from backend.models.graph_module import GraphModule
from backend.models.zoo import trained_model
from codegen.errors import PunchcardError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.passes import optimize

torch.set_num_threads(1)

TORCH = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish, "silu": nn.SiLU}
PLAIN = Preprocessing((0.4, 0.5), (0.2, 0.3))


def net_of(activation: str) -> Graph:
    b = GraphBuilder("small", 5)
    y = b.input((1, 2, 9, 8))
    for number, filters in enumerate((6, 5)):
        y = b.conv(y, filters, 3, name=f"{number}.conv", bias=True)
        y = b.add(activation, y, name=f"{number}.act")
    y = b.add("global_average_pool", y, name="pool")
    y = b.add("flatten", y, name="flat")
    return b.build(b.linear(y, 3, name="fc"), preprocessing=PLAIN)


def torch_net(graph: Graph, activation: str) -> nn.Sequential:
    """The same net of torch's own modules, each activation with the usual two-sided hooks."""
    layers: list[nn.Module] = []
    for number in range(2):
        key = f"{number}.conv"
        weight = torch.from_numpy(graph.weights[f"{key}.weight"].values.copy())
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        conv.weight.data = weight
        assert conv.bias is not None
        conv.bias.data = torch.from_numpy(graph.weights[f"{key}.bias"].values.copy())
        layers += [conv, guided(TORCH[activation]())]
    fc = nn.Linear(5, 3)
    fc.weight.data = torch.from_numpy(graph.weights["fc.weight"].values.copy())
    fc.bias.data = torch.from_numpy(graph.weights["fc.bias"].values.copy())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), fc)


def guided(module: nn.Module) -> nn.Module:
    """Clamp what comes back into the activation, and stop it where the output was not positive."""

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        module.output = output.detach()  # type: ignore[assignment]

    def clamp(module: nn.Module, into: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (into[0].clamp(min=0) * (module.output > 0),)

    module.register_forward_hook(keep)
    module.register_full_backward_pre_hook(clamp)
    return module


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("fused", [False, True], ids=["alone", "fused"])
def test_it_equals_hooks_on_an_equal_torch_module(activation: str, fused: bool) -> None:
    graph = net_of(activation)
    seen = optimize(graph) if fused else graph
    if fused:
        assert any(node.attrs.get("activation") == activation for node in seen.nodes)
    assert len(rectified_values(seen)) == 2
    x = torch.randn(4, 2, 9, 8, generator=torch.Generator().manual_seed(1)) * 3
    classes = torch.tensor([0, 1, 2, 1])
    reference = torch_net(graph, activation)
    wanted_x = x.clone().requires_grad_()
    reference(wanted_x).gather(1, classes.view(-1, 1)).sum().backward()
    found = AttributedNet(seen).guided_gradient(x, classes)
    assert wanted_x.grad is not None
    torch.testing.assert_close(found, wanted_x.grad, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(found, AttributedNet(seen).class_gradient(x, classes)[1])


def test_a_gate_keeps_its_plain_gradient() -> None:
    b = GraphBuilder("gate", 2)
    x = b.input((1, 2, 6, 6))
    y = b.conv(x, 4, 3, name="conv", bias=True)
    y = b.add("sigmoid", y, name="gate")
    y = b.add("global_average_pool", y, name="pool")
    y = b.add("flatten", y, name="flat")
    net = AttributedNet(b.build(b.linear(y, 3, name="fc"), preprocessing=PLAIN))
    x_values = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 2])
    _, plain = net.class_gradient(x_values, classes)
    torch.testing.assert_close(net.guided_gradient(x_values, classes), plain)


def test_folding_batch_norm_changes_neither_scores_nor_gradients() -> None:
    graph = trained_model("resnet20")
    net = AttributedNet(graph)
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    plain = GraphModule(graph).eval()
    own = x.clone().requires_grad_()
    scores = plain(own)
    scores[:, 3].sum().backward()
    torch.testing.assert_close(net.scores(x), scores.detach(), rtol=1e-4, atol=1e-4)
    _, gradient = net.class_gradient(x, torch.tensor([3, 3]))
    torch.testing.assert_close(gradient, own.grad, rtol=1e-3, atol=1e-4)


def test_a_net_that_is_no_classifier_or_has_no_preprocessing_is_refused_in_a_sentence() -> None:
    b = GraphBuilder("painter", 0)
    y = b.conv(b.input((1, 2, 6, 6)), 3, 3, name="conv")
    with pytest.raises(EnhancementError, match="class scores"):
        AttributedNet(b.build(y, preprocessing=PLAIN))
    b = GraphBuilder("bare", 0)
    y = b.add("flatten", b.conv(b.input((1, 2, 6, 6)), 3, 3, name="conv"), name="flat")
    with pytest.raises(PunchcardError, match="preprocessing"):
        AttributedNet(b.build(y))
