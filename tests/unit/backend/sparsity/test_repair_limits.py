"""Repair where something is missing, broken, too large, or in parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.sparsity import calibration as calibration_module
from backend.sparsity import layer_fit, obs
from backend.sparsity import run as run_module
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.calibration import calibrate
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.follower import follower
from backend.sparsity.moments import MomentSum, measure_moments
from backend.sparsity.repair import repair, repair_layers
from backend.sparsity.run import Run
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight


def residual(activation: str = "relu", size: int = 10) -> Graph:
    """Stem, a residual block with a depthwise middle, classifier."""
    b = GraphBuilder("block", 5)
    x = b.input((1, 3, size, size))

    def conv_norm(x: str, filters: int, kernel: int, name: str, groups: int = 1) -> str:
        x = b.conv(x, filters, kernel, groups=groups, bias=False, name=name)
        return b.batch_norm(x, name=f"{name}_norm")

    x = b.add(activation, conv_norm(x, 8, 3, "stem"), name="stem_act")
    y = b.add(activation, conv_norm(x, 24, 1, "expand"), name="expand_act")
    y = b.add(activation, conv_norm(y, 24, 3, "depthwise", groups=24), name="depthwise_act")
    y = conv_norm(y, 8, 1, "project")
    x = b.add("add", y, x, name="sum")
    x = b.add(activation, x, name="sum_act")
    x = b.add("global_average_pool", x, name="pool")
    x = b.add("flatten", x, name="flatten")
    return b.build(b.linear(x, 4, name="fc"))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    smooth = torch.randn(60, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(smooth, (10, 10), mode="bilinear")


@pytest.fixture(scope="module")
def net(images: torch.Tensor) -> Graph:
    return reestimate_batch_norm(residual(), images)


def error(graph: Graph, dense: Graph, images: torch.Tensor) -> float:
    with torch.no_grad():
        ours, wanted = (GraphModule(g).eval()(images) for g in (graph, dense))
    return float(((ours - wanted) ** 2).mean() / wanted.var())


def test_a_weight_that_is_no_number_is_named(net: Graph, images: torch.Tensor) -> None:
    values = net.weights["expand.weight"].values.copy()
    values[3, 1] = np.nan
    broken = net.with_weights({"expand.weight": Weight(values)})
    with pytest.raises(GraphError, match=r"layer 'expand'.*'expand.weight' holds NaN"):
        repair(broken, Candidate.of({"project": LayerChoice("unstructured", 2.0)}), images)


@pytest.mark.parametrize("shape", [(5, 3, 12, 10), (5, 1, 10, 10), (0, 3, 10, 10)])
def test_images_of_another_size_are_refused(net: Graph, shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match=r"reads images of 3x10x10"):
        calibrate(net, torch.zeros(shape))


def test_dead_inputs_leave_the_weights_alone(net: Graph, images: torch.Tensor) -> None:
    """Moments of rank 0: nothing can be said, and nothing breaks."""
    beta = net.weights["stem_norm.bias"].values
    dead = net.with_weights({"stem_norm.bias": Weight(np.full_like(beta, -1e3))})
    candidate = Candidate.of(
        {
            "expand": LayerChoice("unstructured", 2.0),
            "project": LayerChoice("block_punched", 2.0, block=(4, 1)),
        }
    )
    repaired = repair(dead, candidate, images)
    for weight in repaired.weights.values():
        assert np.isfinite(weight.values).all()
    kept = repaired.weights["expand.weight"]
    assert kept.mask is not None
    assert np.allclose(kept.values, net.weights["expand.weight"].values * kept.mask, atol=1e-3)


def test_what_obs_cannot_judge_is_told(
    net: Graph, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obs, "_MOST_COLUMNS", 20)
    candidate = Candidate.of(
        {
            "expand": LayerChoice("unstructured", 2.0),
            "depthwise": LayerChoice("unstructured", 2.0),
            "project": LayerChoice("unstructured", 2.0),
        }
    )
    told = {row.name: row for row in repair_layers(net, candidate, images).layers}
    assert told["expand"].criterion == "obs" and not told["expand"].note
    assert told["depthwise"].criterion == "magnitude"
    assert "read different inputs" in told["depthwise"].note
    assert told["project"].criterion == "magnitude"
    assert "24 weights, more than 20" in told["project"].note
    assert told["fc"].criterion is None


def test_bands_in_parts_rank_as_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 400, 36, generator=random)
    weight = torch.randn(16, 36, generator=random)
    moments = measure_moments(x, x[0] @ weight.T, weight, centred=True)
    from backend.sparsity.schemes import SCHEMES

    choice = LayerChoice("block_punched", 3.0, block=(4, 2))
    structure = SCHEMES["block_punched"].structure((16, 4, 3, 3), choice, None)
    whole = obs.obs_scores(moments, structure, 16, 3.0)
    monkeypatch.setattr(obs, "_MOST_BYTES", 1)
    parts = obs.obs_scores(moments, structure, 16, 3.0)
    assert whole is not None and parts is not None and np.array_equal(whole, parts)


def test_moments_of_parts_are_those_of_all() -> None:
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 90, 5, generator=random), torch.randn(90, 6, generator=random)
    weight = torch.randn(6, 5, generator=random)
    whole = measure_moments(x, y, weight, centred=True)
    summed = MomentSum(centred=True)
    for part in (slice(0, 20), slice(20, 90)):
        summed.add(x[:, part], y[part])
    found = summed.moments(weight)
    for name in ("gram", "cross", "input_mean", "target_mean", "energy"):
        assert torch.allclose(getattr(found, name), getattr(whole, name), atol=1e-5), name


def test_images_in_parts_and_values_in_files_give_the_same_net(
    net: Graph, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = Candidate.of(
        {
            "expand": LayerChoice("block_punched", 2.0, block=(8, 1)),
            "project": LayerChoice("unstructured", 2.0),
        }
    )
    whole = repair(net, candidate, images)
    monkeypatch.setattr(run_module, "_CHUNK_BYTES", 7 * 4 * 2400)
    monkeypatch.setattr(run_module, "_FILE_FROM", 1)
    monkeypatch.setattr(layer_fit, "_PART_BYTES", 1 << 14)
    run = Run(net, images)
    assert len(list(run.image_parts("expand_act"))) == 9
    parts = repair(net, candidate, images)
    for key, weight in whole.weights.items():
        assert np.allclose(parts.weights[key].values, weight.values, atol=2e-3), key
        assert weight.mask is None or np.array_equal(parts.weights[key].mask, weight.mask)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_a_layer_makes_up_for_the_other_branch(activation: str, images: torch.Tensor) -> None:
    """The last convolution of a block knows what its sum should be, not only its own output."""
    net = reestimate_batch_norm(residual(activation), images)
    behind = follower(net, net.by_name["project"])
    assert behind is not None and behind.other == "stem_act"
    assert behind.addition is not None and behind.addition.name == "sum"
    assert (behind.low, behind.high) == (0.0, np.inf if activation == "relu" else 6.0)
    assert follower(net, net.by_name["fc"]) is None
    candidate = Candidate.of({"stem": LayerChoice("unstructured", 6.0)})
    found = calibrate(net, images)
    assert set(found.sums) == {"project"}
    ours = repair(net, candidate, calibration=found)
    blind = calibration_module.Calibration(
        found.graph, found.images, found.positions, found.targets, {}
    )
    monkey = repair(net, candidate, calibration=blind)
    assert error(ours, net, images) < error(monkey, net, images)


@pytest.mark.parametrize("select", ["obs", "magnitude", "geometric_median"])
def test_labels_change_nothing_where_no_gradient_is_asked(
    net: Graph, images: torch.Tensor, select: str
) -> None:
    candidate = Candidate.of({"expand": LayerChoice("block_punched", 2.0, block=(8, 1))})
    labels = torch.arange(60) % 4
    plain = repair(net, candidate, images, select=select)
    assert repair(net, candidate, images, select=select, labels=labels).digest == plain.digest
