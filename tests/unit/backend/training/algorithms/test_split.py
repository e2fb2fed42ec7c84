"""ADMM's splits on problems whose solutions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import preset_patterns
from backend.sparsity.prune import pruned_layers
from backend.training.algorithms.admm_layer import AdmmLayer
from backend.training.algorithms.pattern_selection import PatternSelection
from backend.training.algorithms.split import Split
from tests.fixtures.image_sets import bars, small_net

DATA = bars(30)
PATTERNS = preset_patterns()["natural-8"]


def largest(count: int):
    def select(weight: np.ndarray) -> np.ndarray:
        kept = np.zeros(weight.size, dtype=bool)
        kept[np.argsort(-np.abs(weight.ravel()), kind="stable")[:count]] = True
        return kept.reshape(weight.shape)

    return select


def solve(target: Tensor, splits: list[Split], rho: float = 1.0, rounds: int = 40) -> list[float]:
    """Minimise 1/2 ||w - target||^2 under the splits, the W-step exactly; the largest residuals."""
    seen = []
    for _ in range(rounds):
        pulls = sum((split.copy - split.dual for split in splits), torch.zeros_like(target))
        weight = (target + rho * pulls) / (1 + rho * len(splits))
        seen.append(max(split.update(weight).primal for split in splits))
    return seen


def freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug of public code: the dual is computed and thrown away."""
    monkeypatch.setattr(Split, "step_dual", lambda self, weight: None)


def test_a_quadratic_reaches_the_projection_of_its_minimum() -> None:
    target = torch.tensor([3.0, -0.5, 0.1, 2.0])
    split = Split("sparse", largest(2), target)
    residuals = solve(target, [split])
    assert residuals[-1] < 1e-4
    torch.testing.assert_close(split.copy, torch.tensor([3.0, 0.0, 0.0, 2.0]), atol=1e-3, rtol=0)


def test_frozen_duals_leave_a_residual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without duals W stays half-way between Z and what f wants, however long it takes."""
    freeze(monkeypatch)
    target = torch.tensor([3.0, -0.5, 0.1, 2.0])
    assert solve(target, [Split("sparse", largest(2), target)], rounds=200)[-1] > 0.05


def pattern_layer(weight: Tensor, *, relaxed: bool = False) -> AdmmLayer:
    graph = small_net(DATA)
    choice = LayerChoice("pattern", 4.5, group=1)
    (layer,) = pruned_layers(graph, Candidate.of({"middle": choice}))
    return AdmmLayer(layer, weight, relaxed=relaxed)


def test_pattern_and_connectivity_are_two_splits_with_their_own_duals() -> None:
    """A kernel that goes keeps its pattern in Z; a weight outside the pattern stays in Y."""
    torch.manual_seed(0)
    weight = torch.randn(8, 8, 3, 3)
    layer = pattern_layer(weight)
    assert [split.name for split in layer.splits] == ["pattern", "connectivity"]
    patterns, connectivity = layer.splits
    assert patterns.kept.sum(axis=(2, 3)).tolist() == [[4] * 8] * 8
    kernels = connectivity.kept.reshape(8, 8, 9)
    assert np.array_equal(kernels.any(2), kernels.all(2))
    assert kernels.any(2).sum() == 32
    layer.update(weight, 1.0)
    assert float((patterns.dual - connectivity.dual).abs().max()) > 0.1
    moved = layer.penalty(weight, 2.0)
    parts = [
        (weight - split.copy + split.dual).square().sum() for split in (patterns, connectivity)
    ]
    torch.testing.assert_close(moved, parts[0] + parts[1])
    assert layer.mask().sum() == 128


def test_two_splits_agree_on_a_weight_that_obeys_both() -> None:
    torch.manual_seed(1)
    target = torch.randn(8, 8, 3, 3)
    layer = pattern_layer(target)
    residuals = solve(target, layer.splits, rho=2.0, rounds=300)
    assert residuals[-1] < 0.02 < residuals[0]
    assert layer.mask().sum() == 128


def test_patterns_alone_have_nothing_to_disconnect() -> None:
    graph = small_net(DATA)
    choice = LayerChoice("pattern", 2.25, group=4)
    (layer,) = pruned_layers(graph, Candidate.of({"middle": choice}))
    found = AdmmLayer(layer, torch.randn(8, 8, 3, 3))
    assert [split.name for split in found.splits] == ["pattern"]


def test_rho_times_dual_survives_a_change_of_rho() -> None:
    split = Split("sparse", largest(2), torch.tensor([1.0, 2.0, 3.0]))
    split.update(torch.tensor([1.5, 2.0, 3.0]))
    before = 0.1 * split.dual
    split.rescale(10.0)
    torch.testing.assert_close(1.0 * split.dual, before)


def test_selection_finds_the_pattern_that_the_loss_wants() -> None:
    """f pulls towards a pattern that is not the one of most energy: L2 would miss it."""
    torch.manual_seed(0)
    weight = torch.randn(2, 3, 3, 3)
    selection = PatternSelection(weight, PATTERNS.masks, band=1)
    wanted = torch.from_numpy(PATTERNS.masks[5].reshape(3, 3).astype(np.float32))
    assert (selection.choice() != 5).any()
    rho = 0.1
    for _ in range(40):
        for _ in range(10):
            loss = (selection.seen(weight) - weight * wanted).square().mean()
            (10 * loss + selection.penalty(rho)).backward()
            selection.step(0.2, rho)
        gap = selection.update(rho)
    assert (selection.choice() == 5).all()
    assert gap < 0.05
    torch.testing.assert_close(selection.u.sum(-1), torch.ones(2, 3))


def test_selection_keeps_its_choice_when_the_library_shrinks() -> None:
    selection = PatternSelection(torch.randn(4, 3, 3, 3), PATTERNS.masks, band=2)
    kept = np.unique(selection.choice())
    before = kept[np.searchsorted(kept, selection.choice())]
    selection.keep(kept, PATTERNS.masks[kept])
    assert np.array_equal(kept[selection.choice()], before)
    torch.testing.assert_close(selection.u.sum(-1), torch.ones(2, 3))


def test_groups_share_what_is_selected() -> None:
    layer = pattern_layer(torch.randn(8, 8, 3, 3), relaxed=True)
    assert layer.selection is not None
    assert layer.selection.z.shape == (8, 8, 8)
    graph = small_net(DATA)
    (grouped,) = pruned_layers(
        graph, Candidate.of({"middle": LayerChoice("pattern", 4.5, group=4)})
    )
    found = AdmmLayer(grouped, torch.randn(8, 8, 3, 3), relaxed=True)
    assert found.selection is not None
    assert found.selection.z.shape == (2, 8, 8)
    mask = found.mask()
    assert (mask[:4] == mask[:1]).all()


def test_scaled_gradients_step_as_plain_ones_and_overflow_steps_nothing() -> None:
    """Half precision on a GPU multiplies gradients so that small ones survive."""
    weight = torch.randn(2, 3, 3, 3)
    plain, scaled = (PatternSelection(weight, PATTERNS.masks, band=1) for _ in range(2))
    for selection, scale in ((plain, 1.0), (scaled, 1024.0)):
        (scale * selection.seen(weight).square().sum()).backward()
        selection.step(0.01, 1.0, scale)
    torch.testing.assert_close(plain.z, scaled.z)
    before = scaled.z.detach().clone()
    (float("inf") * scaled.seen(weight).sum()).backward()
    scaled.step(0.01, 1.0, 1024.0)
    torch.testing.assert_close(scaled.z.detach(), before)
