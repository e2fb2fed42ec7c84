"""Filters that go together, against torch-pruning, and what is left of a net without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from backend.models.graph_module import GraphModule
from backend.models.zoo import build_model
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.dependency import dependency_groups
from backend.sparsity.prune import legal_schemes, prunable_layers, prune_graph
from backend.sparsity.report import achieved
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.passes import optimize
from codegen.ir.passes.remove_dead_channels import remove_dead_channels
from codegen.ir.weight import Weight

torch.set_num_threads(1)

SIZES = {"resnet20": 0.5, "resnet18": 0.125, "vgg_small": 0.25, "mobilenet_v2": 0.25}


class Torch(nn.Module):
    """The same net out of torch's own modules, as torch-pruning needs them."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.layers = nn.ModuleDict()
        for node in graph.nodes:
            if node.op == "conv":
                filters, channels, *kernel = graph.weights[node.weights["weight"]].values.shape
                groups, top = node.integer("groups"), node.integers("padding")[:2]
                self.layers[self.key(node.name)] = nn.Conv2d(
                    channels * groups, filters, tuple(kernel), node.integers("stride"), top,
                    groups=groups, bias="bias" in node.weights,
                )  # fmt: skip
            elif node.op == "linear":
                filters, channels = graph.weights[node.weights["weight"]].values.shape
                self.layers[self.key(node.name)] = nn.Linear(channels, filters)
            elif node.op == "batch_norm":
                self.layers[self.key(node.name)] = nn.BatchNorm2d(node.type.shape[1])

    @staticmethod
    def key(name: str) -> str:
        return name.replace(".", "/")

    def forward(self, x: Tensor) -> Tensor:
        values = {self.graph.inputs[0][0]: x}
        for node in self.graph.nodes:
            taken = [values[name] for name in node.inputs]
            if self.key(node.name) in self.layers:
                values[node.name] = self.layers[self.key(node.name)](taken[0])
            elif node.op == "max_pool":
                values[node.name] = nn.functional.max_pool2d(
                    taken[0], node.integers("kernel"), node.integers("stride"),
                    node.integers("padding")[:2],
                )  # fmt: skip
            else:
                values[node.name] = {
                    "relu": torch.relu,
                    "relu6": nn.functional.relu6,
                    "global_average_pool": lambda v: v.mean((2, 3), keepdim=True),
                    "flatten": lambda v: torch.flatten(v, 1),
                    "dropout": lambda v: v,
                    "add": torch.add,
                }[node.op](*taken)
        return values[self.graph.outputs[0]]


@pytest.mark.parametrize("name", SIZES)
def test_every_filter_goes_with_what_torch_pruning_says(name: str) -> None:
    graph = build_model(name, input_shape=(3, 32, 32), classes=5, width=SIZES[name])
    module = Torch(graph).eval()
    found = tp.DependencyGraph().build_dependency(module, torch.zeros(1, 3, 32, 32))
    names = {layer: key.replace("/", ".") for key, layer in module.layers.items()}
    flow = graph.channels
    for node in prunable_layers(graph):
        if flow.is_output[flow.filters[node.name]].any():
            continue
        layer = module.layers[module.key(node.name)]
        is_depthwise = isinstance(layer, nn.Conv2d) and layer.groups > 1
        prune = tp.prune_depthwise_conv_out_channels if is_depthwise else tp.prune_conv_out_channels
        prune = tp.prune_linear_out_channels if isinstance(layer, nn.Linear) else prune
        for index in (0, len(flow.filters[node.name]) - 1):
            theirs = set()
            for item in found.get_pruning_group(layer, prune, idxs=[index]):
                target = item.dep.target.module
                if target in names:
                    is_input = found.is_in_channel_pruning_fn(item.dep.handler)
                    depthwise = isinstance(target, nn.Conv2d) and target.groups > 1
                    channelwise = depthwise or isinstance(target, nn.BatchNorm2d)
                    side = "in" if is_input and not channelwise else "out"
                    theirs |= {(names[target], side, i) for i in item.idxs}
            number = flow.filters[node.name][index]
            ours = {
                (other, side, int(i))
                for side, table in (("out", flow.filters), ("in", flow.columns))
                for other, classes in table.items()
                for i in np.flatnonzero(classes == number)
            }
            norms = [item.name for item in graph.nodes if item.op == "batch_norm"]
            ours |= {
                (norm, "out", int(i))
                for norm in norms
                for i in np.flatnonzero(flow.values[norm] == number)
            }
            assert theirs == ours


def test_layers_that_are_added_are_one_group() -> None:
    groups = dependency_groups(build_model("resnet8", input_shape=(1, 28, 28), classes=10))
    assert ("conv1", "layer1.0.conv2") in groups
    assert ("layer2.0.conv2", "layer2.0.downsample.0") in groups
    assert ("layer1.0.conv1",) in groups
    assert not any("fc" in group for group in groups)


def pruned_pair(name: str, rate: float) -> tuple[Graph, Graph, Candidate]:
    graph = build_model(name, input_shape=(3, 32, 32), classes=5, width=SIZES[name])
    rng = np.random.default_rng(5)
    moved = {
        key: Weight(
            rng.uniform(0.3, 2, weight.values.shape)
            if key.endswith("var")
            else weight.values + 0.2 * rng.standard_normal(weight.values.shape)
        )
        for key, weight in graph.weights.items()
        if weight.values.ndim == 1
    }
    graph = graph.with_weights(moved)
    candidate = Candidate.of(
        {
            node.name: LayerChoice("filter", rate)
            for node in prunable_layers(graph)
            if "filter" in legal_schemes(graph, node)
        }
    )
    return graph, prune_graph(graph, candidate), candidate


def scores(graph: Graph) -> Tensor:
    torch.manual_seed(3)
    with torch.no_grad():
        result: Tensor = GraphModule(graph).eval()(torch.randn(4, 3, 32, 32))
    return result


@pytest.mark.parametrize("name", SIZES)
def test_half_the_filters_of_a_net_are_really_gone(name: str) -> None:
    graph, pruned, candidate = pruned_pair(name, 2.0)
    small = remove_dead_channels(pruned)
    for node in prunable_layers(graph):
        before = graph.weights[node.weights["weight"]].values.shape
        after = small.weights[node.weights["weight"]].values.shape
        if not candidate.choice(node.name).is_dense:
            assert after[0] == before[0] // 2, node.name
        rows = {row.name: row for row in achieved(pruned, candidate)}
        assert rows[node.name].kept == np.prod(after), node.name
    wanted, got = scores(pruned), scores(small)
    assert torch.allclose(got, wanted, atol=1e-4 * float(wanted.abs().max()))
    got = scores(optimize(pruned))
    assert torch.allclose(got, wanted, atol=1e-4 * float(wanted.abs().max()))


def test_the_masked_net_is_the_dense_net_without_the_dropped_channels() -> None:
    """By hand: a removed filter's constant is dropped where it is read, not where it is made."""
    b = GraphBuilder("two")
    y = b.batch_norm(b.conv(b.input((1, 3, 32, 32)), 6, 3, name="first"), name="bn")
    graph = b.build(b.conv(b.add("relu", y, name="act"), 4, 3, name="second", bias=True))
    graph = graph.with_weights({"bn.bias": Weight(np.linspace(0.5, 1, 6))})
    pruned = prune_graph(graph, Candidate.of({"first": LayerChoice("filter", 3.0)}))
    kept = np.flatnonzero(pruned.weights["first.weight"].values.any((1, 2, 3)))
    assert len(kept) == 2
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        act = GraphModule(graph).eval().forward_values(x, names=["act"])["act"]
        second = {k: torch.from_numpy(v.values.copy()) for k, v in graph.weights.items()}
        by_hand = nn.functional.conv2d(
            act[:, kept], second["second.weight"][:, kept], second["second.bias"], padding=1
        )
        assert torch.allclose(GraphModule(pruned).eval()(x), by_hand, atol=1e-5)


def test_layers_of_a_group_keep_nested_sets_and_the_mildest_decides() -> None:
    graph = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    rates = {"conv1": 2.0, "layer1.0.conv2": 4.0}
    candidate = Candidate.of({name: LayerChoice("filter", rate) for name, rate in rates.items()})
    pruned = prune_graph(graph, candidate)
    kept = {
        name: set(np.flatnonzero(pruned.weights[f"{name}.weight"].values.any((1, 2, 3))).tolist())
        for name in rates
    }
    assert len(kept["layer1.0.conv2"]) == 4
    assert len(kept["conv1"]) == 8
    assert kept["layer1.0.conv2"] < kept["conv1"]
    small = remove_dead_channels(pruned)
    assert small.weights["layer1.0.conv2.weight"].values.shape[0] == 8


def test_a_layer_added_to_a_dense_one_keeps_its_channels() -> None:
    graph = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    pruned = prune_graph(graph, Candidate.of({"layer1.0.conv2": LayerChoice("filter", 2.0)}))
    small = remove_dead_channels(pruned)
    assert small.weights["layer1.0.conv2.weight"].values.shape == (16, 16, 3, 3)
    assert pruned.weights["layer2.0.conv1.weight"].mask is None


def test_other_schemes_choose_among_what_removed_filters_leave() -> None:
    graph = build_model("vgg_small", input_shape=(3, 32, 32), classes=5, width=0.25)
    first, second = (node.name for node in prunable_layers(graph)[:2])
    candidate = Candidate.of(
        {first: LayerChoice("filter", 2.0), second: LayerChoice("unstructured", 4.0)}
    )
    pruned = prune_graph(graph, candidate)
    kept = pruned.weights[f"{first}.weight"].values.any((1, 2, 3))
    mask = pruned.weights[f"{second}.weight"].mask
    assert mask is not None
    assert not mask[:, ~kept].any()
    assert abs(mask.sum() - mask.size / 4) <= 1


def test_outputs_of_the_net_cannot_lose_filters() -> None:
    graph = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    assert "filter" not in legal_schemes(graph, graph.by_name["fc"])
    with pytest.raises(PlanError, match=r"'fc' cannot be pruned by filter: .*outputs of the net"):
        prune_graph(graph, Candidate.of({"fc": LayerChoice("filter", 2.0)}))
