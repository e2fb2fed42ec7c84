"""Repair on small nets and layers; what it does for the shipped net is in test_shipped_net."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.data.batches import normalise
from backend.models.graph_module import GraphModule
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.calibration import Positions, calibrate, gather_columns
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.least_squares import solve_kept
from backend.sparsity.moments import measure_moments
from backend.sparsity.obs import obs_scores
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import prunable_layers, prune_graph
from backend.sparsity.repair import repair
from backend.sparsity.schemes import SCHEMES
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight
from tests.fixtures.image_sets import bars, small_net

SETS = {"scp-4": SCPS}


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    data = bars(300)
    return normalise(torch.from_numpy(data.train_images), data.preprocessing)


@pytest.fixture(scope="module")
def net(images: torch.Tensor) -> Graph:
    return reestimate_batch_norm(small_net(bars(), filters=16), images)


def outputs(graph: Graph, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return GraphModule(graph).eval()(images)


def error(graph: Graph, dense: Graph, images: torch.Tensor) -> float:
    wanted = outputs(dense, images)
    return float(((outputs(graph, images) - wanted) ** 2).mean() / wanted.var())


CHOICES = (
    LayerChoice("pattern", 4.5, patterns="scp-4", group=4),
    LayerChoice("pattern", 2.25, patterns="scp-4", group=1),
    LayerChoice("block_punched", 3.0, block=(8, 4)),
    LayerChoice("block_punched", 3.0, block=(5, 3)),
    LayerChoice("unstructured", 4.0),
    LayerChoice("filter", 2.0),
    LayerChoice("one_by_n", 2.0, block=(4, 1)),
    LayerChoice("pattern", 4.5, patterns="scp-4", group=4, balance="unbalanced"),
    LayerChoice("block_punched", 3.0, block=(4, 2), balance="unbalanced"),
)


@pytest.mark.parametrize("select", ["obs", "magnitude"])
@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.label)
def test_repair_comes_closer_to_the_dense_net_than_magnitude(
    net: Graph, images: torch.Tensor, choice: LayerChoice, select: str
) -> None:
    candidate = Candidate.of({"middle": choice})
    plain = prune_graph(net, candidate, pattern_sets=SETS)
    repaired = repair(net, candidate, images, select=select, pattern_sets=SETS)  # type: ignore[arg-type]
    assert error(repaired, net, images) < 0.7 * error(plain, net, images)
    ours, theirs = repaired.weights["middle.weight"], plain.weights["middle.weight"]
    assert ours.mask is not None and theirs.mask is not None
    assert abs(int(ours.mask.sum()) - int(theirs.mask.sum())) <= 64
    assert not ours.values[~ours.mask].any()


def test_every_kind_of_layer_is_repaired(net: Graph, images: torch.Tensor) -> None:
    candidate = Candidate.of(
        {
            "first": LayerChoice("unstructured", 2.0),
            "middle": LayerChoice("block_punched", 2.0, block=(8, 4)),
            "depthwise": LayerChoice("pattern", 2.25, patterns="scp-4", group=1),
            "wide": LayerChoice("block_punched", 2.0, block=(4, 1)),
            "fc": LayerChoice("block", 2.0),
        }
    )
    plain = prune_graph(net, candidate, pattern_sets=SETS)
    repaired = repair(net, candidate, images, pattern_sets=SETS)
    assert error(repaired, net, images) < 0.5 * error(plain, net, images)


def test_removed_filters_are_repaired_with_the_layers_that_read_them(
    net: Graph, images: torch.Tensor
) -> None:
    candidate = Candidate.of(
        {"middle": LayerChoice("filter", 1.5), "depthwise": LayerChoice("filter", 2.0)}
    )
    plain = prune_graph(net, candidate)
    repaired = repair(net, candidate, images)
    assert error(repaired, net, images) < 0.7 * error(plain, net, images)
    for key, weight in plain.weights.items():
        mask = repaired.weights[key].mask
        assert weight.mask is None or (mask is not None and np.array_equal(mask, weight.mask))
    left = {
        key: plain.weights[f"{key}.weight"].values.any((1, 2, 3)) for key in ("middle", "depthwise")
    }
    assert left["middle"].sum() == 11
    assert left["depthwise"].sum() == 8
    assert (left["depthwise"] <= left["middle"]).all(), "ranked together"
    read = plain.weights["wide.weight"].values.any((0, 2, 3))
    assert np.array_equal(read, left["depthwise"])


def test_nothing_to_prune_changes_nothing(net: Graph, images: torch.Tensor) -> None:
    assert repair(net, Candidate(), images) is net


def test_repair_is_reproducible(net: Graph, images: torch.Tensor) -> None:
    candidate = Candidate.of({"middle": CHOICES[2]})
    first, second = (repair(net, candidate, calibration=calibrate(net, images)) for _ in range(2))
    assert first.digest == second.digest


def test_layers_before_the_first_pruned_one_stay_as_they_are(
    net: Graph, images: torch.Tensor
) -> None:
    repaired = repair(net, Candidate.of({"wide": LayerChoice("unstructured", 2.0)}), images)
    for key in ("first.weight", "middle.weight", "depthwise.weight"):
        assert np.array_equal(repaired.weights[key].values, net.weights[key].values)
    assert not np.array_equal(repaired.weights["fc.weight"].values, net.weights["fc.weight"].values)


@pytest.mark.parametrize(
    ("groups", "stride", "dilation", "kernel"),
    [(1, 1, 1, 3), (2, 2, 1, 3), (4, 1, 2, 3), (1, 2, 1, 1), (8, 1, 1, 5)],
)
def test_gathered_columns_times_weights_are_the_convolution(
    groups: int, stride: int, dilation: int, kernel: int
) -> None:
    b = GraphBuilder("one")
    x = b.input((1, 8, 11, 9))
    name = b.conv(x, 16, kernel, stride=stride, dilation=dilation, groups=groups, name="conv")
    graph = b.build(name)
    node = graph.by_name["conv"]
    inputs = torch.randn(3, 8, 11, 9)
    want = outputs(graph, inputs)
    high, wide = want.shape[2:]
    image = torch.arange(3).repeat_interleave(high * wide)
    flat = torch.arange(high * wide).repeat(3)
    at = Positions(image, flat // wide, flat % wide)
    columns = gather_columns(inputs, node, (kernel, kernel), at)
    weight = torch.from_numpy(graph.weights["conv.weight"].values.copy()).view(
        groups, -1, columns.shape[2]
    )
    got = (columns @ weight.transpose(1, 2)).permute(1, 0, 2).reshape(3, high, wide, 16)
    assert torch.allclose(got.permute(0, 3, 1, 2), want, atol=1e-4)


def test_kept_weights_are_the_least_squares_of_the_kept_columns() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 500, 12, generator=random)
    target = torch.randn(500, 6, generator=random)
    mask = (torch.rand(3, 12, generator=random) < 0.5).repeat_interleave(2, 0)
    moments = measure_moments(x, target, torch.zeros(6, 12), centred=True)
    solved = solve_kept(moments, mask, band=2)
    assert not solved[~mask].any()
    centred = x[0] - x[0].mean(0)
    for row in range(6):
        kept = mask[row]
        want = torch.linalg.lstsq(centred[:, kept], (target - target.mean(0))[:, row : row + 1])
        assert torch.allclose(solved[row, kept], want.solution.flatten(), atol=5e-3)


def test_obs_finds_the_columns_that_repeat_others() -> None:
    """Magnitude keeps both of two equal inputs; OBS knows that one can speak for the other."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 400, 8, generator=random)
    x[..., 1] = x[..., 0] + 0.01 * torch.randn(400, generator=random)
    weight = torch.tensor([[2.0, 2.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1]]).repeat(8, 1)
    moments = measure_moments(x, x[0] @ weight.T, weight, centred=True)
    choice = LayerChoice("block", 2.0)
    scheme = SCHEMES["block"]
    structure = scheme.structure((8, 8), choice, None)
    scores = obs_scores(moments, structure, 8, choice.rate)
    assert scores is not None
    kept = scheme.mask_from_scores((8, 8), choice, structure, scores)[0]
    assert kept[:2].sum() == 1 and kept[2:5].all()
    assert scheme.mask(weight.numpy(), choice)[0, :4].all()


def test_bands_compete_by_what_their_removal_costs() -> None:
    """The filters of one band are ten times as large: unbalanced, it keeps nearly everything."""
    random = torch.Generator().manual_seed(4)
    x = torch.randn(1, 400, 8, generator=random)
    weight = torch.randn(8, 8, generator=random)
    weight[:4] *= 10
    moments = measure_moments(x, x[0] @ weight.T, weight, centred=False)
    kept = {}
    for balance in ("balanced", "unbalanced"):
        choice = LayerChoice("block", 2.0, block=(4, 8), balance=balance)
        structure = SCHEMES["block"].structure((8, 8), choice, None)
        scores = obs_scores(moments, structure, 8, 2.0)
        assert scores is not None
        kept[balance] = SCHEMES["block"].mask_from_scores((8, 8), choice, structure, scores)
    assert kept["balanced"].sum(1).tolist() == [4] * 8
    assert kept["unbalanced"].sum(1).tolist() == [8] * 4 + [0] * 4


def test_statistics_are_those_of_the_images(net: Graph, images: torch.Tensor) -> None:
    moved = net.with_weights({"first.weight": Weight(2 * net.weights["first.weight"].values)})
    again = reestimate_batch_norm(moved, images)
    values = GraphModule(again).eval().forward_values(images, names=["n1", "n2"])
    for value in values.values():
        assert value.mean().abs() < 1e-4
        assert float(value.std().detach()) == pytest.approx(1.0, abs=1e-2)
    assert [node.name for node in prunable_layers(again)][0] == "first"
