"""Every pruning criterion keeps the same promises; new ones are tested by being registered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.criteria import CRITERIA, Criterion, Evidence
from backend.sparsity.criteria.geometric_median import distance_sums
from backend.sparsity.moments import measure_moments
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import prunable_layers, pruned_layers
from backend.sparsity.repair import repair_layers
from backend.sparsity.schemes import SCHEMES
from backend.sparsity.schemes.structure import Structure
from backend.sparsity.slopes import measure_slopes
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

SHAPES = {"conv": (16, 12, 3, 3), "ends": (13, 7, 3, 3), "depthwise": (8, 1, 3, 3), "fc": (10, 24)}


@dataclass(frozen=True, eq=False)
class Layer:
    shape: tuple[int, ...]
    weight: np.ndarray
    slopes: np.ndarray
    x: torch.Tensor


@cache
def layer(name: str) -> Layer:
    shape = SHAPES[name]
    random = np.random.default_rng(0)
    columns = int(np.prod(shape[1:]))
    weight = random.standard_normal((shape[0], columns)).astype(np.float32)
    slopes = random.standard_normal((3, shape[0], columns)).astype(np.float32)
    x = torch.from_numpy(random.standard_normal((1, 300, columns)).astype(np.float32))
    return Layer(shape, weight, slopes, x)


def evidence(name: str, structure: Structure, rate: float) -> Evidence:
    it = layer(name)
    weight = torch.from_numpy(it.weight)
    moments = measure_moments(it.x, it.x[0] @ weight.T, weight, centred=True)
    return Evidence(it.weight, structure, rate, it.slopes, moments)


def choices() -> list[LayerChoice]:
    return [
        LayerChoice("unstructured", 3.0),
        LayerChoice("filter", 2.0),
        LayerChoice("pattern", 2.25, patterns="scp-4", group=1),
        LayerChoice("pattern", 4.5, patterns="scp-4", group=8),
        LayerChoice("block_punched", 3.0, block=(8, 4)),
        LayerChoice("block_punched", 3.0, block=(5, 3)),
        LayerChoice("one_by_n", 2.0, block=(4, 1)),
        LayerChoice("block", 2.0, block=(4, 4)),
    ]


@pytest.mark.parametrize("choice", choices(), ids=lambda choice: choice.label)
@pytest.mark.parametrize("name", CRITERIA)
def test_scores_fit_every_scheme(name: str, choice: LayerChoice) -> None:
    scheme, criterion = SCHEMES[choice.scheme], CRITERIA[name]
    for kind, shape in SHAPES.items():
        is_linear = len(shape) == 2
        if is_linear != (choice.scheme == "block") and choice.scheme not in {"unstructured"}:
            continue
        if choice.scheme == "one_by_n" and shape[1] < 2:
            continue
        patterns = SCPS if choice.scheme == "pattern" else None
        if scheme.problem(shape, choice, None if patterns is None else patterns.entries):
            continue
        structure = scheme.structure(shape, choice, patterns)
        found = evidence(kind, structure, choice.rate)
        scores = criterion.scores(found)
        if scores is None:
            assert criterion.needs == "moments"
            continue
        assert scores.shape == (found.bands, structure.units.size)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all() and (scores >= 0).all()
        again = criterion.scores(evidence(kind, structure, choice.rate))
        assert again is not None and np.array_equal(scores, again), "not reproducible"
        mask = scheme.mask_from_scores(shape, choice, structure, scores)
        size = mask.size / mask.sum()
        assert mask.shape == shape
        assert size == pytest.approx(choice.rate, rel=0.35)


@pytest.mark.parametrize("name", CRITERIA)
def test_what_it_cannot_know_it_does_not_judge(name: str) -> None:
    structure = Structure(1, np.arange(24))
    scores = CRITERIA[name].scores(Evidence(layer("fc").weight, structure, 2.0))
    assert (scores is None) == (CRITERIA[name].needs != "weights")


@pytest.mark.parametrize("name", ["magnitude", "taylor", "snip"])
def test_larger_weights_score_higher(name: str) -> None:
    """Columns twice as large, with gradients as they were, never rank lower."""
    structure = Structure(4, np.arange(24))
    it = layer("fc")
    plain = CRITERIA[name].scores(Evidence(it.weight, structure, 2.0, it.slopes))
    grown, slopes = it.weight.copy(), it.slopes.copy()
    grown[:, 5] *= 2
    slopes[:, :, 5] *= 2
    larger = CRITERIA[name].scores(Evidence(grown, structure, 2.0, slopes))
    assert plain is not None and larger is not None
    assert (larger[:, 5] > plain[:, 5]).all()
    assert np.array_equal(np.delete(larger, 5, 1), np.delete(plain, 5, 1))


def test_titles_are_for_people() -> None:
    for name, criterion in CRITERIA.items():
        assert isinstance(criterion, Criterion) and criterion.name == name
        assert criterion.title[0].isupper() and criterion.says.endswith(".")


def test_the_geometric_median_is_the_naive_sum_of_distances() -> None:
    random = np.random.default_rng(1)
    for size in (1, 5):
        vectors = random.standard_normal((40, size)).astype(np.float32)
        naive = [sum(np.linalg.norm(a - b) for b in vectors) for a in vectors]
        assert distance_sums(vectors) == pytest.approx(np.array(naive), rel=1e-4)
    # more than are compared with each other: the sum over a sample, scaled up
    vectors = random.standard_normal((5000, 3)).astype(np.float32)
    exact = np.linalg.norm(vectors[:7, None] - vectors[None], axis=2).sum(1)
    assert distance_sums(vectors)[:7] == pytest.approx(exact, rel=0.05)


def test_the_filter_nearest_the_others_goes_first() -> None:
    weight = np.array([[4.0, 0], [-4, 0], [0, 4], [0, -4], [0.5, 0.5]], np.float32)
    structure = Structure(1, np.zeros(2, np.int64))
    scores = CRITERIA["geometric_median"].scores(Evidence(weight, structure, 2.0))
    assert scores is not None and scores.mean(1).argmin() == 4
    # and not the smallest: moved far away, all the same
    far = CRITERIA["geometric_median"].scores(Evidence(weight + 9, structure, 2.0))
    assert far is not None and far.mean(1).argmin() == 4


@pytest.fixture(scope="module")
def net() -> Graph:
    b = GraphBuilder("tiny", 3)
    x = b.input((1, 2, 6, 6))
    x = b.conv(x, 4, 3, name="first")
    x = b.add("relu", x, name="relu")
    x = b.conv(x, 3, 3, name="second")
    x = b.add("global_average_pool", x, name="pool")
    x = b.add("flatten", x, name="flatten")
    return b.build(b.linear(x, 3, name="fc"))


def loss_of(graph: Graph, images: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        scores = GraphModule(graph).eval()(images).double()
    return float(torch.nn.functional.cross_entropy(scores, labels))


def test_slopes_are_finite_differences_of_the_loss(net: Graph) -> None:
    random = torch.Generator().manual_seed(0)
    images = 3 * torch.randn(20, 2, 6, 6, generator=random)
    labels = torch.randint(0, 3, (20,), generator=random)
    slopes = measure_slopes(net, images, labels)
    values = net.weights["second.weight"].values
    for filter_, column in ((0, 0), (1, 13), (2, 35)):

        def moved(share: float, at: tuple[int, int] = (filter_, column)) -> float:
            changed = values.reshape(3, -1).copy()
            changed[at] *= 1 + share
            graph = net.with_weights({"second.weight": Weight(changed.reshape(values.shape))})
            return loss_of(graph, images, labels)

        numeric = (moved(0.02) - moved(-0.02)) / 0.04
        assert slopes["second"][0, filter_, column] == pytest.approx(numeric, rel=0.05, abs=2e-5)


def test_snip_is_the_derivative_by_a_units_mask(net: Graph) -> None:
    random = torch.Generator().manual_seed(0)
    images = 3 * torch.randn(20, 2, 6, 6, generator=random)
    labels = torch.randint(0, 3, (20,), generator=random)
    slopes = measure_slopes(net, images, labels)["second"]
    weight = net.weights["second.weight"].values
    structure = SCHEMES["block_punched"].structure(
        weight.shape, LayerChoice("block_punched", 2.0, block=(3, 2)), None
    )
    scores = CRITERIA["snip"].scores(Evidence(weight.reshape(3, -1), structure, 2.0, slopes))
    assert scores is not None
    unit = np.flatnonzero(structure.units == 4)

    def masked(value: float) -> float:
        changed = weight.reshape(3, -1).copy()
        changed[:, unit] *= value
        graph = net.with_weights({"second.weight": Weight(changed.reshape(weight.shape))})
        return loss_of(graph, images, labels)

    numeric = abs(masked(1.02) - masked(0.98)) / 0.04
    assert scores[0, unit].sum() == pytest.approx(numeric, rel=0.05, abs=2e-5)
    taylor = CRITERIA["taylor"].scores(Evidence(weight.reshape(3, -1), structure, 2.0, slopes))
    assert taylor is not None and taylor[0, unit].sum() == pytest.approx(
        np.abs(slopes[0][:, unit]).sum(), rel=1e-5
    )


def test_labels_are_used_only_where_they_are_given(net: Graph) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(40, 2, 6, 6, generator=random)
    without = measure_slopes(net, images)
    assert np.array_equal(without["fc"], measure_slopes(net, images)["fc"])
    assert without["fc"].shape[0] == 2, "two batches"
    labels = torch.zeros(40, dtype=torch.int64)
    assert not np.array_equal(without["fc"], measure_slopes(net, images, labels)["fc"])


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_runs_inside_the_repair(name: str, net: Graph) -> None:
    images = torch.randn(64, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    candidate = Candidate.of(
        {
            "first": LayerChoice("filter", 2.0),
            "second": LayerChoice("block_punched", 2.0, block=(3, 1)),
        }
    )
    done = repair_layers(net, candidate, images, select=name)
    used = {row.name: row.criterion for row in done.layers}
    assert used["second"] == name
    assert used["first"] == ("magnitude" if name == "obs" else name)
    assert used["fc"] is None
    for row in done.layers:
        assert row.error is not None and 0 <= row.error <= 1.01
    layers = {found.node.name: found for found in pruned_layers(net, candidate)}
    assert set(layers) <= {node.name for node in prunable_layers(net)}
    mask = done.graph.weights["second.weight"].mask
    assert mask is not None and mask.sum() <= mask.size / 2
