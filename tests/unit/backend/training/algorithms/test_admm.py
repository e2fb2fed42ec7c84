"""ADMM on a small real net: it converges because its duals are updated."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import pattern_text
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.admm_regulariser import mean_residuals
from backend.training.algorithms.admm_settings import AdmmSettings, fitted_rhos, saw_tooth
from backend.training.algorithms.pattern_selection import PatternSelection
from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.algorithms.settings import PruneSettings
from backend.training.algorithms.split import Split
from backend.training.recipe import Recipe
from codegen.errors import PlanError
from tests.fixtures.image_sets import bars, small_net

DATA = bars(150)
NET = small_net(DATA)
INDICES = np.arange(100)
PATTERN = Candidate.of({"middle": LayerChoice("pattern", 4.5, group=1)})


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def prune(candidate: Candidate = PATTERN, epochs: int = 8, **admm: object) -> Pruned:
    settings = PruneSettings(
        recipe=Recipe(epochs=epochs, batch=20, learning_rate=0.05),
        repair=False,
        admm=AdmmSettings(**admm),
    )
    return ALGORITHMS["admm"].run(PruningRun(NET, candidate, DATA, INDICES, settings))


def last(pruned: Pruned) -> dict[str, float]:
    return mean_residuals(pruned.history["updates"][-1])


def test_residuals_fall_with_duals_and_stay_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rho throughout: only the duals can close the gap that f keeps open."""
    candidate = Candidate.of({"middle": LayerChoice("one_by_n", 3)})
    how = {"rhos": (1.0,), "updates": 10, "share": 0.75}
    found = last(prune(candidate, epochs=30, **how))["structure"]
    monkeypatch.setattr(Split, "step_dual", lambda self, weight: None)
    frozen = last(prune(candidate, epochs=30, **how))["structure"]
    assert found < 0.025 < frozen
    assert frozen > 2 * found


def test_frozen_multipliers_leave_z_apart_from_u(monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"rhos": (0.05,), "updates": 16, "share": 0.75, "selection_rate": 2.0}
    found = last(prune(epochs=12, **how))["selection"]
    monkeypatch.setattr(PatternSelection, "step_multipliers", lambda self, rho: None)
    assert last(prune(epochs=12, **how))["selection"] > 2 * found


def test_fitted_stages_end_at_the_constraints() -> None:
    pruned = prune()
    updates = pruned.history["updates"]
    assert [update["stage"] for update in updates] == [1, 2, 3, 4]
    assert updates[-1]["rho"] > updates[0]["rho"]
    assert last(pruned)["pattern"] < 0.1 < mean_residuals(updates[0])["pattern"]
    assert all(update["loss"] > 0 for update in updates)
    assert set(updates[0]["layers"]["middle"]) == {
        "selection", "pattern", "pattern_moved", "connectivity", "connectivity_moved",
    }  # fmt: skip
    assert json.loads(json.dumps(pruned.history)) == pruned.history


@pytest.mark.parametrize("selection", ["simplex", "l2"])
def test_library_patterns_connectivity_and_weights_in_one_run(selection: str) -> None:
    pruned = prune(selection=selection, library=(32, 12, 4))
    assert [update["library"] for update in pruned.history["updates"]] == [32, 12, 4, 4]
    assert pruned.library is not None
    assert len(pruned.library.patterns) == 4
    mask = pruned.graph.weights["middle.weight"].mask
    assert mask is not None
    assert mask.sum() == 128
    kernels = mask.reshape(-1, 9)
    drawn = {sum(1 << k for k in np.flatnonzero(row)) for row in kernels if row.any()}
    assert drawn <= set(pruned.library.patterns)
    stages = pruned.history["library"]["stages"]
    assert [(stage["before"], stage["after"]) for stage in stages] == [(56, 32), (32, 12), (12, 4)]
    assert sum(stages[0]["counts"].values()) == 64
    assert {pattern_text(p) for p in pruned.library.patterns} <= set(stages[0]["counts"])


def test_two_sizes_of_pattern_cannot_learn_one_library() -> None:
    candidate = Candidate.of({
        "middle": LayerChoice("pattern", 2.25),
        "first": LayerChoice("pattern", 2.25, patterns="nowhere"),
    })  # fmt: skip
    with pytest.raises(PlanError, match="nowhere"):
        prune(candidate, library=(8,))


def test_half_of_the_budget_goes_to_each_training() -> None:
    """One epoch in all: each training has half of the images."""
    told = prune(epochs=1).history["trainings"]
    assert [(t["name"], t["epochs"], t["images"]) for t in told] == [
        ("admm", 1, 50), ("fine-tune", 1, 50),
    ]  # fmt: skip
    told = prune(epochs=3).history["trainings"]
    assert [t["epochs"] * t["images"] for t in told] == [150, 150]


def test_admm_without_training_is_refused() -> None:
    with pytest.raises(PlanError, match="at least one epoch"):
        prune(epochs=0)


@pytest.mark.parametrize(
    "wrong", [{"rhos": (0.1, -1)}, {"updates": 0}, {"share": 1.0}, {"selection": "best"}]
)
def test_wrong_settings_are_told(wrong: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        AdmmSettings(**wrong)


def test_fitted_rhos_travel_as_far_whatever_the_number_of_steps() -> None:
    def flat(step: int, steps: int) -> float:
        return 0.02

    few, many = fitted_rhos(4, 400, flat), fitted_rhos(4, 40_000, flat)
    np.testing.assert_allclose(np.array(few) / many, 100, rtol=1e-6)
    assert sum(0.2 * few[0] for _ in range(100)) == pytest.approx(0.3)
    assert max(fitted_rhos(4, 4, flat)) * 0.2 <= 0.5


def test_saw_tooth_starts_anew_with_every_stage() -> None:
    places = [saw_tooth(step, 10, 4) for step in range(10)]
    assert [at for at, _ in places] == [0, 1, 2, 0, 1, 0, 1, 2, 0, 1]
    assert [of for _, of in places] == [3, 3, 3, 2, 2, 3, 3, 3, 2, 2]
    told = prune(saw_tooth=True).history["trainings"][0]
    assert told["history"][-1]["learning_rate"] < 0.05
