"""Computes one row: prune and repair the start, train it with its masks held, score it."""

from __future__ import annotations

import time
from shutil import rmtree
from typing import Any

import numpy as np

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.plan import candidate_of, pattern_sets
from backend.bench.accuracy.pruning_row import PruningRow, extra_recipe
from backend.bench.accuracy.start import Start
from backend.bench.accuracy.workplace import Workplace
from backend.data.splits import Indices, split_validation
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.repair import repair
from backend.sparsity.report import achieved, overall_rate
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.algorithms.settings import PruneSettings
from backend.training.calibration import calibrate_on
from backend.training.classifier import train_classifier
from backend.training.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph, save_graph

REPAIR = "repair"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "admm": ("admm", {}),
    "iterative": ("iterative", {}),
    "magnitude": ("one_shot", {"criterion": "magnitude", "repair": False}),
}
"""Algorithm and settings of rows by their `algorithm`, beside one-shot with repair."""


def run_row(place: Workplace, cell: Cell, start: Start) -> dict[str, Any]:
    """Compute a row's cell; its net stays in the workplace."""
    row: PruningRow = cell.work
    data = place.data
    begin = time.perf_counter()
    if row.choice is None or row.algorithm == REPAIR:
        graph, values = _pruned(place, cell, start)
        if row.choice is not None:
            values["repair_s"] = time.perf_counter() - begin
        if row.is_trained:
            if row.choice is not None:
                seen = evaluate(graph, data.test_images, data.test_labels)
                values["repaired_accuracy"] = seen.accuracy
            begin = time.perf_counter()
            graph = _trained(place, cell, start, graph)
            values["train_s"] = time.perf_counter() - begin
    else:
        graph, values = _by_algorithm(place, cell, start, row.choice)
        values["train_s"] = time.perf_counter() - begin
    test = evaluate(graph, data.test_images, data.test_labels)
    kept_back = split_validation(data).validation_indices
    checked = evaluate(graph, data.train_images[kept_back], data.train_labels[kept_back])
    save_graph(graph, place.path(cell.key, ".safetensors"))
    if not row.is_trained and row.choice is None:
        values["least"] = place.profile.nets[cell.net].least
    return values | {
        "accuracy": test.accuracy,
        "loss": test.loss,
        "validation_accuracy": checked.accuracy,
        "validation_loss": checked.loss,
        "graph_digest": graph.digest,
    }


def net_of_row(place: Workplace, cell: Cell, start: Start) -> Graph:
    """The net that a row ended with; computed again where it is no longer there."""
    path = place.path(cell.key, ".safetensors")
    if not path.is_file():
        run_row(place, cell, start)
    return load_graph(path)


def row_images(place: Workplace, seed: int) -> Indices:
    """The training images of a seed: so many, drawn from all but the validation images."""
    indices = split_validation(place.data).train_indices
    return np.random.default_rng(seed).permutation(indices)[: place.profile.images]


def _pruned(place: Workplace, cell: Cell, start: Start) -> tuple[Graph, dict[str, Any]]:
    row: PruningRow = cell.work
    if row.choice is None:
        return start.graph, {"rate": 1.0}
    candidate = candidate_of(start.graph, row.choice)
    sets = pattern_sets(place, cell.net, start.graph)
    seen = row_images(place, cell.seed)[: place.profile.repair_images]
    calibration = calibrate_on(start.graph, place.data.train_images[seen])
    graph = repair(start.graph, candidate, calibration=calibration, pattern_sets=sets)
    return graph, _rates(graph, candidate)


def _rates(graph: Graph, candidate: Candidate) -> dict[str, Any]:
    rates = achieved(graph, candidate)
    pruned = [rate for rate in rates if rate.scheme != "dense"]
    return {"rate": overall_rate(rates), "pruned_rate": overall_rate(pruned)}


def _by_algorithm(
    place: Workplace, cell: Cell, start: Start, choice: LayerChoice
) -> tuple[Graph, dict[str, Any]]:
    """Masks and training together, by a registered algorithm; its epochs are the row's."""
    row: PruningRow = cell.work
    algorithm, changed = METHODS[row.algorithm]
    candidate = candidate_of(start.graph, choice)
    settings = PruneSettings(
        recipe=extra_recipe(place.profile, row, cell.seed),
        repair_images=place.profile.repair_images,
        **changed,
    )
    folder = place.path(cell.key, ".run")
    pruned = ALGORITHMS[algorithm].run(
        PruningRun(
            graph=start.graph,
            candidate=candidate,
            data=place.data,
            indices=row_images(place, cell.seed),
            settings=settings,
            teacher=start.graph,
            pattern_sets=pattern_sets(place, cell.net, start.graph),
            folder=folder,
            should_stop=place.should_stop,
        )
    )
    rmtree(folder, ignore_errors=True)
    return pruned.graph, _rates(pruned.graph, candidate) | {"history": dict(pruned.history)}


def _trained(place: Workplace, cell: Cell, start: Start, graph: Graph) -> Graph:
    # a run that was cut under other code, whose repair ends elsewhere, is not gone on with
    checkpoint = place.path(f"{cell.key}-{graph.digest[:8]}", ".part")
    trained = train_classifier(
        graph,
        place.data,
        row_images(place, cell.seed),
        extra_recipe(place.profile, cell.work, cell.seed),
        teacher=start.graph,
        checkpoint=checkpoint,
        on_progress=place.say_epochs(cell.title),
        should_stop=place.should_stop,
    )
    checkpoint.unlink(missing_ok=True)
    return trained.graph
