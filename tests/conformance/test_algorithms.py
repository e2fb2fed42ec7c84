"""Every pruning algorithm keeps the same promises under every scheme."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prunable_layers, prune_graph, why_illegal
from backend.sparsity.schemes import SCHEMES
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.admm_settings import HARD_MASKS, AdmmSettings
from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.algorithms.settings import PruneSettings
from backend.training.errors import StoppedError, TrainingError
from backend.training.recipe import Distillation, Recipe
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from tests.fixtures.image_sets import bars, small_net

DATA = bars(120)
NET = small_net(DATA)
INDICES = np.arange(80)
SETTINGS = PruneSettings(
    recipe=Recipe(epochs=2, batch=16, distillation=Distillation()),
    repair_images=32,
    stages=2,
    admm=AdmmSettings(stages=2),
)
MATRIX = list(product(ALGORITHMS, SCHEMES))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def candidate(scheme: str) -> Candidate:
    """Every layer that the scheme can prune but the first, at a rate that all schemes have."""
    rate = {"dense": 1.0, "filter": 2.0}.get(scheme, 4.5)
    found: dict[str, LayerChoice] = {}
    for node in prunable_layers(NET):
        weight = NET.weights[node.weights["weight"]].values
        choice = LayerChoice(scheme, rate, block=(4, 2), group=4)
        if scheme == "pattern" and weight.shape[1] == 1:
            choice = LayerChoice(scheme, 2.25, group=4)  # a depthwise filter keeps its kernel
        is_legal = why_illegal(NET, node, scheme) is None
        if node.name != "first" and is_legal and not SCHEMES[scheme].problem(weight.shape, choice):
            found[node.name] = choice
    return Candidate.of(found)


def prune(algorithm: str, scheme: str, settings: PruneSettings = SETTINGS, **how: object) -> Pruned:
    run = PruningRun(NET, candidate(scheme), DATA, INDICES, settings, **how)
    return ALGORITHMS[algorithm].run(run)


def check(graph: Graph, scheme: str) -> None:
    chosen = candidate(scheme)
    expected = prune_graph(NET, chosen)
    for key, weight in graph.weights.items():
        assert np.isfinite(weight.values).all(), key
        wanted = expected.weights[key].mask
        assert (wanted is None) == (weight.mask is None), key
        if wanted is None:
            continue
        assert weight.mask is not None
        assert weight.mask.sum() == wanted.sum(), f"{key}: not the exact rate"
        assert not weight.values[~weight.mask].any(), f"{key}: a removed weight came back"
    # what an algorithm keeps is something that the scheme could have kept
    again = prune_graph(graph, chosen)
    for key, weight in graph.weights.items():
        assert np.array_equal(again.weights[key].mask, weight.mask), f"{key}: not of the scheme"


@pytest.mark.parametrize(("algorithm", "scheme"), MATRIX)
def test_it_ends_with_exact_masks_held(algorithm: str, scheme: str) -> None:
    pruned = prune(algorithm, scheme)
    check(pruned.graph, scheme)
    assert pruned.history["algorithm"] == algorithm
    images = [training["epochs"] * training["images"] for training in pruned.history["trainings"]]
    assert sum(images) == 2 * len(INDICES), "every algorithm costs the same"


# The other schemes have one split, as unstructured has.
@pytest.mark.parametrize("scheme", ["pattern", "filter", "unstructured"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stopped_run_goes_on_exactly(algorithm: str, scheme: str, tmp_path: Path) -> None:
    """Stopped once in each training; the last graph is that of an undisturbed run."""
    whole = prune(algorithm, scheme)
    for steps in (4, 3):
        left = iter(range(steps + 1))
        with pytest.raises(StoppedError):
            prune(
                algorithm,
                scheme,
                folder=tmp_path,
                should_stop=lambda steps=steps, left=left: next(left) == steps,
            )
    resumed = prune(algorithm, scheme, folder=tmp_path)
    assert resumed.graph.digest == whole.graph.digest
    assert resumed.history == whole.history


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("hard_mask", HARD_MASKS)
def test_repair_may_be_left_out(algorithm: str, hard_mask: str) -> None:
    settings = replace(
        SETTINGS, criterion="magnitude", repair=False, admm=AdmmSettings(hard_mask=hard_mask)
    )
    check(prune(algorithm, "pattern", settings).graph, "pattern")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_what_trains_into_its_masks_needs_epochs(algorithm: str) -> None:
    settings = replace(SETTINGS, recipe=replace(SETTINGS.recipe, epochs=0))
    if ALGORITHMS[algorithm].needs_epochs:
        with pytest.raises(PlanError, match="at least one epoch"):
            prune(algorithm, "pattern", settings)
    else:
        check(prune(algorithm, "pattern", settings).graph, "pattern")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_folder_of_another_run_is_refused(algorithm: str, tmp_path: Path) -> None:
    prune(algorithm, "unstructured", folder=tmp_path)
    with pytest.raises(TrainingError, match="another run"):
        prune(algorithm, "filter", folder=tmp_path)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_plan_that_does_not_fit_is_told(algorithm: str) -> None:
    wrong = Candidate.of({"middel": LayerChoice("unstructured", 2)})
    with pytest.raises(PlanError, match="middle"):
        ALGORITHMS[algorithm].run(PruningRun(NET, wrong, DATA, INDICES, SETTINGS))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_introduces_itself(algorithm: str) -> None:
    row = ALGORITHMS[algorithm]
    assert row.name == algorithm
    assert row.title
    assert row.says.endswith(".")


def test_algorithms_are_listed_without_torch() -> None:
    code = (
        "import sys; from backend.training.algorithms import ALGORITHMS; "
        "sys.exit('torch' in sys.modules or not ALGORITHMS)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
