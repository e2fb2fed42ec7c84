"""The torch executor: values, training, masks, round trip."""

import numpy as np
import pytest
import torch

from backend.models.executor_ops import OPERATIONS
from backend.models.graph_module import GraphModule
from backend.models.zoo import build_model
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.ops import OPS
from codegen.ir.weight import Weight

torch.set_num_threads(1)


def small_net(seed: int = 0) -> Graph:
    b = GraphBuilder("small", seed)
    x = b.input((1, 2, 9, 7))
    y = b.conv(x, 4, 3, name="a.conv")
    y = b.batch_norm(y, name="a.bn")
    y = b.add("relu", y, name="a.relu")
    y = b.add("global_average_pool", y, name="pool")
    y = b.add("flatten", y, name="flat")
    return b.build(b.linear(y, 3, name="fc"))


def test_every_operation_of_the_ir_has_a_torch_meaning() -> None:
    assert OPERATIONS.keys() == OPS.keys()


def test_the_round_trip_is_exact_and_keeps_masks() -> None:
    graph = build_model("resnet8", input_shape=(1, 12, 12), classes=3, width=0.5)
    key = "layer1.0.conv1.weight"
    mask = np.random.default_rng(0).random(graph.weights[key].values.shape) < 0.5
    graph = graph.with_weights({key: Weight(graph.weights[key].values, mask)})
    for channels_last in (False, True):
        assert GraphModule(graph, channels_last=channels_last).to_graph() == graph


def test_channels_last_gives_the_same_values() -> None:
    graph = build_model("resnet8", input_shape=(1, 12, 12), classes=3)
    x = torch.randn(3, 1, 12, 12)
    plain = GraphModule(graph).eval()(x)
    other = GraphModule(graph, channels_last=True).eval()(x)
    assert torch.allclose(plain, other, atol=1e-5)


def test_masked_weights_stay_zero_over_training_steps() -> None:
    graph = small_net()
    values = graph.weights["a.conv.weight"].values
    mask = np.zeros(values.shape, dtype=bool)
    mask[:, :, 1, :] = True
    module = GraphModule(graph.with_weights({"a.conv.weight": Weight(values, mask)}))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        loss = module(torch.randn(4, 2, 9, 7)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        module.apply_masks()
    after = module.to_graph().weights["a.conv.weight"]
    assert after.mask is not None
    assert np.array_equal(after.mask, mask)
    assert not after.values[~mask].any()
    assert not np.array_equal(after.values, values * mask)


def test_training_moves_batch_norm_statistics_as_torch_does() -> None:
    module = GraphModule(small_net()).train()
    x = torch.randn(8, 2, 9, 7)
    value = module.forward_values(x, names=["a.conv"])["a.conv"]
    module(x)
    expected = 0.1 * value.mean((0, 2, 3))
    got = module.to_graph().weights["a.bn.running_mean"].values
    assert np.allclose(got, expected.detach().numpy(), atol=1e-6)


def test_named_values_are_those_of_a_plain_torch_net() -> None:
    graph = small_net()
    module = GraphModule(graph).eval()
    x = torch.randn(2, 2, 9, 7)
    values = module.forward_values(x, names=["input", "a.relu", "fc"])
    conv = torch.nn.functional.conv2d(
        x, torch.tensor(graph.weights["a.conv.weight"].values), padding=1
    )
    assert torch.equal(values["input"], x)
    assert torch.allclose(values["a.relu"], conv.relu() / (1 + 1e-5) ** 0.5, atol=1e-5)
    assert values["fc"].shape == (2, 3)


def test_an_unknown_value_or_a_wrong_input_is_refused() -> None:
    module = GraphModule(small_net())
    with pytest.raises(GraphError, match="no value 'nowhere'"):
        module.forward_values(torch.zeros(1, 2, 9, 7), names=["nowhere"])
    with pytest.raises(GraphError, match="input 'input' is"):
        module(torch.zeros(1, 2, 9, 8))


@pytest.mark.parametrize("name", ["training", "a/b", "x/weight"])
def test_hostile_weight_names_do_not_collide(name: str) -> None:
    b = GraphBuilder("net")
    x = b.input((1, 1, 3, 3))
    y = b.conv(x, 1, 1, name=name)
    y = b.conv(y, 1, 1, name=name.replace("/", ".")) if "/" in name else y
    graph = b.build(y)
    assert GraphModule(graph).to_graph() == graph


@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 1, 2), (2, 2, 2, 2)])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_pools_have_the_inferred_shape_and_agree_with_a_loop(
    op: str, padding: tuple[int, int, int, int], ceil_mode: bool, count_include_pad: bool
) -> None:
    attrs = {"count_include_pad": count_include_pad} if op == "average_pool" else {}
    b = GraphBuilder("pool")
    x = b.input((1, 2, 8, 6))
    y = b.add(
        op, x, name="p", kernel=(3, 3), stride=(2, 2), padding=padding, ceil_mode=ceil_mode, **attrs
    )
    graph = b.build(y)
    value = torch.randn(2, 2, 8, 6)
    out = GraphModule(graph)(value)
    assert tuple(out.shape[1:]) == graph.type_of("p").shape[1:]
    top, left, bottom, right = padding
    for oy in range(out.shape[2]):
        for ox in range(out.shape[3]):
            y0, x0 = oy * 2 - top, ox * 2 - left
            inside = value[:, :, max(y0, 0) : y0 + 3, max(x0, 0) : x0 + 3]
            if op == "max_pool":
                expected = inside.amax((2, 3))
            else:
                rows = min(y0 + 3, 8 + bottom) - y0
                columns = min(x0 + 3, 6 + right) - x0
                count = rows * columns if count_include_pad else inside[0, 0].numel()
                expected = inside.sum((2, 3)) / count
            assert torch.allclose(out[:, :, oy, ox], expected, atol=1e-6), (oy, ox)
