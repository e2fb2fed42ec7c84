"""Reconstructed layers against least squares solved another way, and candidates made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.data.batches import normalise
from backend.models.graph_module import GraphModule
from backend.reconstruction.composite import fit_composite
from backend.reconstruction.layer_moments import LayerMoments
from backend.reconstruction.reconstruct import Reconstructor
from backend.reconstruction.stitch import stitch
from backend.reconstruction.store import LayerStore
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import prune_graph, pruned_layers
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight
from tests.fixtures.image_sets import bars, small_net

SETS = {"scp-4": SCPS}
CHOICES = (
    LayerChoice("pattern", 4.5, patterns="scp-4", group=4),
    LayerChoice("block_punched", 3.0, block=(4, 2)),
    LayerChoice("unstructured", 4.0),
    LayerChoice("one_by_n", 2.0, block=(4, 1)),
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    data = bars(200)
    return normalise(torch.from_numpy(data.train_images), data.preprocessing)


@pytest.fixture(scope="module")
def net(images: torch.Tensor) -> Graph:
    return reestimate_batch_norm(small_net(bars(), filters=16), images)


@pytest.fixture
def store(tmp_path: Path) -> LayerStore:
    return LayerStore(tmp_path / "store")


def reconstructor(net: Graph, store: LayerStore, images: torch.Tensor) -> Reconstructor:
    return Reconstructor(net, store, LayerMoments(net, store, lambda: images), SETS)


def values(graph: Graph, images: torch.Tensor, name: str) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = GraphModule(replace(graph, outputs=(name,))).eval()(images)
    return found


def second_conv(net: Graph) -> str:
    return [node.name for node in net.nodes if node.op == "conv"][1]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.label)
def test_weights_are_those_of_an_independent_least_squares(
    net: Graph, store: LayerStore, images: torch.Tensor, choice: LayerChoice
) -> None:
    name = second_conv(net)
    made = reconstructor(net, store, images).get(name, choice)
    node = net.by_name[name]
    key = node.weights["weight"]
    mask = made.weights[key].mask
    assert mask is not None
    layer = next(pruned_layers(net, Candidate.of({name: choice}), SETS))
    assert mask.sum() == layer.mask().sum()
    x, y = values(net, images, node.inputs[0]), values(net, images, name)
    kernel = net.weights[key].values.shape[2:]
    columns = functional.unfold(x, kernel, padding=kernel[0] // 2)
    rows = columns.permute(0, 2, 1).reshape(-1, columns.shape[1]).double().numpy()
    wanted = y.permute(0, 2, 3, 1).reshape(-1, y.shape[1]).double().numpy()
    centred, aim = rows - rows.mean(0), wanted - wanted.mean(0)
    left = 0.0
    for index, kept in enumerate(mask.reshape(len(mask), -1)):
        solved, *_ = np.linalg.lstsq(centred[:, kept], aim[:, index], rcond=None)
        left += float(((aim[:, index] - centred[:, kept] @ solved) ** 2).sum())
    assert made.error == pytest.approx(left / float((aim**2).sum()), rel=0.1, abs=0.01)
    assert 0 < made.error < (made.removed_energy or 0) + 0.05


def test_stored_choice_is_not_made_again(
    net: Graph, store: LayerStore, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = second_conv(net)
    assert reconstructor(net, store, images).layer(name, (LayerChoice(), *CHOICES)) == len(CHOICES)
    monkeypatch.setattr(Reconstructor, "_made", None)
    monkeypatch.setattr(LayerMoments, "_measure", None)  # moments are stored, too
    again = reconstructor(net, store, images)
    assert again.layer(name, CHOICES) == 0
    assert LayerMoments(net, store, lambda: images).of(name) is not None
    assert {report["label"] for report in store.reports()} == {c.label for c in CHOICES}


def test_stitched_candidate_has_the_rates_and_outputs_near_the_dense_net(
    net: Graph, store: LayerStore, images: torch.Tensor
) -> None:
    candidate = Candidate.of({"middle": CHOICES[0], "wide": CHOICES[2], "depthwise": CHOICES[2]})
    first = stitch(net, candidate, store, images, pattern_sets=SETS)
    again = stitch(net, candidate, LayerStore(store.folder), images, pattern_sets=SETS)
    assert first.digest == again.digest
    plain = reestimate_batch_norm(prune_graph(net, candidate, pattern_sets=SETS), images)
    for layer in pruned_layers(net, candidate, SETS):
        got, want = first.weights[layer.key].mask, layer.mask()
        assert got is not None and got.sum() == want.sum()
    dense = values(net, images, net.outputs[0])
    far = [
        float((values(g, images, net.outputs[0]) - dense).square().mean()) for g in (first, plain)
    ]
    assert far[0] < far[1]


def test_layers_that_lose_filters_are_solved_together(
    net: Graph, store: LayerStore, images: torch.Tensor
) -> None:
    names = [node.name for node in net.nodes if node.op == "conv"]
    candidate = Candidate.of({names[0]: LayerChoice("filter", 2.0), names[1]: CHOICES[1]})
    made = stitch(net, candidate, store, images, pattern_sets=SETS)
    for layer in pruned_layers(net, candidate, SETS):
        mask = made.weights[layer.key].mask
        assert mask is not None and layer.allowed is not None
        assert not mask[~layer.allowed].any()
    first = made.weights[net.by_name[names[0]].weights["weight"]].mask
    assert first is not None
    assert first.reshape(len(first), -1).any(1).sum() == len(first) // 2


# Filter types


def one_layer(weight: np.ndarray, *, groups: int = 1) -> Graph:
    """A layer of 3x3 kernels or larger, with a batch norm behind it."""
    b = GraphBuilder("one-layer")
    x = b.input((1, weight.shape[1] * groups, 9, 9))
    x = b.conv(x, len(weight), weight.shape[2], groups=groups, name="layer")
    graph = b.build(b.add("relu", b.batch_norm(x, name="norm"), name="out"))
    return graph.with_weights({"layer.weight": Weight(weight)})


def in_parts(weight: np.ndarray, *, expand: bool, groups: int = 1, last: int = 1) -> Graph:
    """The same net with (1x1,) depthwise 3x3 and 1x1, or a smaller kernel, in its place."""
    b = GraphBuilder("in-parts", seed=1)
    channels = weight.shape[1] * groups
    x = b.input((1, channels, 9, 9))
    if last == 1:
        if expand:
            x = b.conv(x, channels, 1, name="layer.expand")
        x = b.conv(x, channels, 3, groups=channels, name="layer.dw")
    x = b.conv(x, len(weight), last, groups=groups, name="layer")
    return b.build(b.add("relu", b.batch_norm(x, name="norm"), name="out"))


def separable(random: np.random.Generator, *, expand: bool) -> np.ndarray:
    spatial = random.standard_normal((6, 1, 3, 3))
    point = random.standard_normal((10, 6))
    first = random.standard_normal((6, 6)) if expand else np.eye(6)
    kernels = np.einsum("om,mhw,mi->oihw", point, spatial[:, 0], first)
    return np.asarray(kernels, np.float32)


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randn(60, 6, 9, 9, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("expand", [False, True], ids=["dw", "expand"])
def test_composite_finds_a_layer_that_is_one(
    store: LayerStore, noise: torch.Tensor, expand: bool
) -> None:
    weight = separable(np.random.default_rng(5), expand=expand)
    net, replaced = one_layer(weight), in_parts(weight, expand=expand)
    moments = LayerMoments(net, store, lambda: noise).of("layer")
    made = fit_composite(net, replaced, "layer", moments)
    assert made.error is not None and made.error < (0.02 if expand else 2e-3)
    stored = made.pruned("dense/@x", Candidate(), None)
    whole = replaced.with_weights(dict(stored.weights))
    dense, got = values(net, noise, "layer"), values(whole, noise, "layer")
    assert float((got - dense).square().mean() / dense.var()) < (0.03 if expand else 3e-3)


def test_error_of_a_composite_is_that_of_its_graph(store: LayerStore, noise: torch.Tensor) -> None:
    weight = np.random.default_rng(6).standard_normal((10, 6, 3, 3)).astype(np.float32)
    net, replaced = one_layer(weight), in_parts(weight, expand=False)
    made = fit_composite(
        net, replaced, "layer", LayerMoments(net, store, lambda: noise).of("layer")
    )
    choice = LayerChoice("block_punched", 2.0, block=(5, 1))
    for parts in (Candidate(), Candidate.of({"layer": choice})):
        stored = made.pruned("x", parts, None)
        got = values(replaced.with_weights(dict(stored.weights)), noise, "layer")
        dense = values(net, noise, "layer")
        gap = (got - got.mean((0, 2, 3), keepdim=True)) - (
            dense - dense.mean((0, 2, 3), keepdim=True)
        )
        measured = float(gap.square().mean() / dense.var((0, 2, 3), correction=0).mean())
        assert stored.error == pytest.approx(measured, rel=0.05)
    mask = stored.weights["layer.weight"].mask
    assert mask is not None and mask.mean() == pytest.approx(0.5)
    assert made.error is not None and stored.error > made.error


def test_smaller_kernel_keeps_groups_and_takes_the_best_taps(
    store: LayerStore, noise: torch.Tensor
) -> None:
    weight = np.zeros((6, 1, 5, 5), np.float32)
    weight[:, :, 1:4, 1:4] = np.random.default_rng(7).standard_normal((6, 1, 3, 3))
    net = one_layer(weight, groups=6)
    replaced = in_parts(weight, expand=False, groups=6, last=3)
    made = fit_composite(
        net, replaced, "layer", LayerMoments(net, store, lambda: noise).of("layer")
    )
    assert made.error == pytest.approx(0.0, abs=1e-3)
    got = made.pruned("x", Candidate(), None).weights["layer.weight"].values
    np.testing.assert_allclose(got, weight[:, :, 1:4, 1:4], atol=0.02)


def test_left_out_layer_is_judged_as_an_identity(store: LayerStore, noise: torch.Tensor) -> None:
    weight = np.zeros((6, 6, 3, 3), np.float32)
    weight[np.arange(6), np.arange(6), 1, 1] = 1.0
    weight[0, 1, 0, 0] = 1.0
    net = one_layer(weight)
    b = GraphBuilder("without")
    x = b.add("identity", b.input((1, 6, 9, 9)), name="layer")
    replaced = b.build(b.add("relu", b.batch_norm(x, name="norm"), name="out"))
    made = fit_composite(
        net, replaced, "layer", LayerMoments(net, store, lambda: noise).of("layer")
    )
    extra = 64 / 81  # one filter of six has another input on top, less what padding cuts off
    assert made.error == pytest.approx(extra / (6 + extra), rel=0.05)
