"""Repair of nets with filter types: it aims at what the dense layer made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.sparsity.calibration import calibrate
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import check_candidate, prune_graph
from backend.sparsity.repair import repair_layers
from backend.sparsity.replaced_calibration import replace_in_calibration
from backend.sparsity.report import achieved, overall_rate
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

TYPES = ("conv1x1", "dw3x3_conv1x1", "conv1x1_dw3x3_conv1x1")


def chain(weight: np.ndarray | None = None) -> Graph:
    b = GraphBuilder("chain", seed=1)
    x = b.add("relu", b.conv(b.input((1, 3, 9, 7)), 6, 3, name="stem", bias=True), name="r0")
    x = b.add("relu", b.batch_norm(b.conv(x, 8, 3, name="middle"), name="bn"), name="r1")
    x = b.add("flatten", b.add("global_average_pool", x, name="gap"), name="flat")
    graph = b.build(b.linear(x, 4, name="fc"))
    return graph if weight is None else graph.with_weights({"middle.weight": Weight(weight)})


def images(count: int = 64) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(count, 3, 9, 7)


def outputs(graph: Graph, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return GraphModule(graph).eval()(x)


def replaced(name: str, **more: object) -> Candidate:
    return Candidate.of({"middle": LayerChoice(filter_type=name, **more)})


@pytest.mark.parametrize("name", TYPES)
def test_a_layer_that_is_of_the_type_already_is_reproduced(name: str) -> None:
    """Weights with zeros around the middle are of rank one: every type can hold them."""
    weight = np.zeros((8, 6, 3, 3), np.float32)
    weight[:, :, 1, 1] = np.random.default_rng(2).standard_normal((8, 6))
    dense = chain(weight)
    done = repair_layers(dense, replaced(name), images())
    # the ridge of the least squares is 1e-3
    assert torch.allclose(outputs(done.graph, images()), outputs(dense, images()), atol=2e-3)
    assert done.layers[0].error < 1e-5


def test_the_refit_is_the_least_squares_fit_of_the_dense_layers_output() -> None:
    dense, x = chain(), images(256)
    told = {row.name: row for row in repair_layers(dense, replaced("conv1x1"), x).layers}
    with torch.no_grad():
        stem = GraphModule(dense).eval()
        first, weight = dense.weights["stem.weight"], dense.weights["middle.weight"]
        del stem
        seen = torch.nn.functional.conv2d(
            x,
            torch.from_numpy(first.values.copy()),
            torch.from_numpy(dense.weights["stem.bias"].values.copy()),
            padding=1,
        ).relu()
        target = torch.nn.functional.conv2d(seen, torch.from_numpy(weight.values.copy()), padding=1)
    columns = seen.permute(0, 2, 3, 1).reshape(-1, 6).double().numpy()
    wanted = target.permute(0, 2, 3, 1).reshape(-1, 8).double().numpy()
    with_one = np.hstack([columns, np.ones((len(columns), 1))])
    left = wanted - with_one @ np.linalg.lstsq(with_one, wanted, rcond=None)[0]
    share = (left**2).sum() / ((wanted - wanted.mean(0)) ** 2).sum()
    assert told["middle"].error == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize("name", TYPES)
def test_the_repair_is_nearer_to_the_dense_net_than_the_start(name: str) -> None:
    dense, x = chain(), images(256)
    wanted = outputs(dense, x)
    start = outputs(prune_graph(dense, replaced(name)), x)
    done = outputs(repair_layers(dense, replaced(name), x).graph, x)
    assert (done - wanted).square().sum() < 0.5 * (start - wanted).square().sum()


def test_a_skipped_layers_batch_norm_is_measured_on_what_it_reads_now() -> None:
    b = GraphBuilder("chain", seed=1)
    x = b.add("relu", b.conv(b.input((1, 3, 9, 7)), 6, 3, name="stem", bias=True), name="r0")
    x = b.batch_norm(b.conv(x, 6, 3, name="middle"), name="bn")
    x = b.add("flatten", b.add("global_average_pool", x, name="gap"), name="flat")
    dense = b.build(b.linear(x, 4, name="fc"))
    graph = repair_layers(dense, replaced("skip"), images()).graph
    run = outputs(graph, images())
    assert torch.isfinite(run).all()
    assert graph.by_name["middle"].op == "identity"
    values = graph.weights["bn.running_mean"].values
    assert (values > 0).all()  # of values behind a rectifier


def test_calibration_of_the_dense_net_is_not_touched_and_serves_again() -> None:
    calibration = calibrate(chain(), images())
    once = [repair_layers(chain(), replaced(n), calibration=calibration).graph for n in TYPES]
    again = [repair_layers(chain(), replaced(n), calibration=calibration).graph for n in TYPES]
    assert [graph.digest for graph in once] == [graph.digest for graph in again]
    made, rest = replace_in_calibration(calibration, replaced("dw3x3_conv1x1"))
    assert made.started == {"middle", "middle.dw"}
    assert rest == Candidate()
    assert not calibration.started


def test_rates_count_what_the_dense_layer_had() -> None:
    dense = chain()
    candidate = replaced("dw3x3_conv1x1", scheme="block_punched", rate=2, block=(2, 1))
    graph = prune_graph(dense, candidate)
    rows = {row.name: row for row in achieved(graph, candidate, dense)}
    assert (rows["middle"].before, rows["middle.dw"].before) == (8 * 6 * 9, 0)
    assert (rows["middle"].total, rows["middle"].kept) == (48, 24)
    assert (rows["middle"].scheme, rows["middle.dw"].scheme) == ("block_punched", "dense")
    whole = 6 * 3 * 9 + 8 * 6 * 9 + 8 * 4
    assert overall_rate(rows.values()) == pytest.approx(whole / (6 * 3 * 9 + 24 + 54 + 32))
    gone = replaced("skip")
    with pytest.raises(PlanError, match="8x9x7 of 6x9x7"):
        check_candidate(dense, gone)
