"""Progressive library extraction: the pull, the stages, exact resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.sparsity.patterns import universe
from backend.sparsity.patterns.energy import PatternEnergies
from backend.sparsity.patterns.library_schedule import PatternLibrary
from backend.training.errors import StoppedError
from backend.training.pattern_library import LibraryPlan, LibraryRun, extract_library
from backend.training.pattern_pull import PatternPull
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from tests.fixtures.image_sets import bars, small_net

PLAN = LibraryPlan(sizes=(12, 4), epochs=1, images=128, rho=1.0)
DATA = bars()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def net() -> Graph:
    return small_net(DATA)


def run(net: Graph, plan: LibraryPlan = PLAN, checkpoint: Path | None = None) -> LibraryRun:
    return extract_library(net, DATA, np.arange(128), plan, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def extracted(net: Graph) -> LibraryRun:
    return run(net)


def test_pull_is_half_rho_of_the_energy_outside_the_best_patterns(net: Graph) -> None:
    module = GraphModule(net, channels_last=True)
    pull = PatternPull(PatternLibrary(universe(), (8,)), rho=0.2)
    pull.begin(module)
    found = pull.loss(module)
    assert found is not None
    kernels = np.concatenate(
        [w.values.reshape(-1, 9) for w in net.weights.values() if w.values.shape[2:] == (3, 3)]
    )
    energies = PatternEnergies.of_kernels(kernels, universe())
    outside = energies.total * (1 - energies.share_of(universe()))
    # at the first stage the pull is a tenth of rho
    assert float(found.detach()) == pytest.approx(0.5 * 0.02 * outside, rel=1e-4)
    assert pull.counts() == energies.chosen(universe())


def test_gradient_points_only_outside_the_patterns(net: Graph) -> None:
    module = GraphModule(net)
    pull = PatternPull(PatternLibrary(universe(), (8,)))
    pull.begin(module)
    found = pull.loss(module)
    assert found is not None
    torch.autograd.backward(found)
    node = next(n for n in net.nodes if n.op == "conv")
    gradient = module.weight(node.weights["weight"]).grad
    assert gradient is not None
    assert (gradient.reshape(-1, 9)[:, 4] == 0).all()  # every pattern has the centre
    assert ((gradient.reshape(-1, 9) != 0).sum(dim=1) == 5).all()


def test_library_shrinks_stage_by_stage_and_kernels_lean_to_it(
    net: Graph, extracted: LibraryRun
) -> None:
    assert [stage.after for stage in extracted.library.stages] == [12, 4]
    assert [epoch.facts["patterns"] for epoch in extracted.history] == [12.0, 4.0]
    energies = PatternEnergies.of(net, universe())
    after = PatternEnergies.of(extracted.graph, universe())
    assert after.share_of(extracted.patterns) > energies.share_of(extracted.patterns)
    kernels = sum(extracted.library.stages[0].counts.values())
    assert kernels == sum(
        w.values.size // 9 for w in net.weights.values() if w.values.shape[2:] == (3, 3)
    )


def test_a_stopped_extraction_goes_on_exactly(
    net: Graph, extracted: LibraryRun, tmp_path: Path
) -> None:
    asked = iter([False] * 3 + [True] * 100)
    checkpoint = tmp_path / "library"
    with pytest.raises(StoppedError):
        extract_library(
            net,
            DATA,
            np.arange(128),
            PLAN,
            checkpoint=checkpoint,
            should_stop=lambda: next(asked),
        )
    again = run(net, checkpoint=checkpoint)
    assert again.library == extracted.library
    assert again.graph.digest == extracted.graph.digest


def test_stop_rule_ends_an_extraction_early(net: Graph) -> None:
    found = run(net, replace(PLAN, stop_share=0.01))
    assert found.library.stages[0].held
    assert len(found.patterns.patterns) == 56


def test_a_net_without_3x3_kernels_is_refused() -> None:
    builder = GraphBuilder("plain")
    x = builder.input((1, 1, 28, 28))
    graph = builder.build(builder.conv(x, 4, 1, name="conv"))
    with pytest.raises(PlanError, match="no 3x3"):
        run(graph)


def test_sizes_that_do_not_fall_are_refused(net: Graph) -> None:
    with pytest.raises(PlanError, match="sizes must fall"):
        run(net, replace(PLAN, sizes=(8, 12)))
