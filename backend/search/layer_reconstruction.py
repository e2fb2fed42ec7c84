"""Before the first candidate: the choices of all layers reconstructed once, in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.config.rungs import STITCHED
from backend.reconstruction.store import RECONSTRUCTION_IMAGES, LayerStore, store_key
from backend.search.executor import Task
from backend.search.preparation import Prepared
from backend.search.records import SearchError
from backend.search.surroundings import POLL_S, Surroundings
from backend.search.tables import reconstructed_damage
from backend.storage.settings import Settings

_ID = "reconstruct:"
LEAST_SHARE = 1 / 8
"""Of the choices that all candidates of the budget together have to have; a search that touches
less leaves each to the first candidate that has it."""


def store_of(prepared: Prepared, settings: Settings) -> LayerStore:
    """Where the reconstructed layers of a search's net lie; searches of the same net share it."""
    training = prepared.config.training
    key = store_key(
        {
            "graph": prepared.digests["model"],
            "data": prepared.digests["data"],
            "validation": training.validation_images,
            "images": min(training.repair_images, RECONSTRUCTION_IMAGES),
            "patterns": {name: it.patterns for name, it in sorted(prepared.pattern_sets.items())},
        }
    )
    return LayerStore(settings.cache / "layers" / key[:32])


def needs_layers(prepared: Prepared) -> bool:
    """Whether a search begins with reconstructed layers: for stitching, or for filter types.

    It follows from the configuration alone, so that a resumed search has the same damage table.
    """
    trials = prepared.config.budget.trials
    count = sum(len(labels) for labels in _wanted(prepared).values())
    most = count if trials is None else trials * len(prepared.space.menus)
    return count > 0 and most >= LEAST_SHARE * count


def reconstruct_layers(run: Surroundings, store: LayerStore) -> Surroundings:
    """Have the evaluators make what is not stored yet; then damage is what was measured.

    Returns:
        The run with a damage table from the store (`backend.search.tables`).

    Raises:
        SearchError: a layer cannot be reconstructed.
        CancelledError: the search was cancelled or paused; what is stored stays.
    """
    wanted = _wanted(run.prepared)
    todo = _missing(run.prepared, wanted, store)
    total = len(run.prepared.space.menus)
    for layer, labels in todo.items():
        payload = {"layer": layer, "choices": labels}
        run.executor.submit(Task(f"{_ID}{layer}", "reconstruct", payload))
    left = len(todo)
    reports: list[Mapping[str, Any]] = []  # of stores on other machines as well
    while left:
        run.context.check()
        text = f"{total - left} of {total} layers, each choice once; kept for later searches"
        run.context.progress("reconstructing", total - left, total, text)
        for outcome in run.executor.poll(POLL_S):
            left -= 1
            if outcome.result is None:
                layer = outcome.task.id.removeprefix(_ID)
                msg = f"layer {layer!r} cannot be reconstructed: {outcome.error}"
                raise SearchError(msg)
            reports += outcome.result["reports"]
    problem = run.prepared.problem
    pairs = {(layer, label) for layer, row in wanted.items() for label in row}
    known = [row for row in (*store.reports(), *reports) if (row["layer"], row["label"]) in pairs]
    damage = reconstructed_damage(problem.damage, known)
    return replace(run, prepared=replace(run.prepared, problem=replace(problem, damage=damage)))


def _wanted(prepared: Prepared) -> Mapping[str, list[str]]:
    """Labels that are reconstructed, by layer: all where nets are stitched, else filter types.

    Layers that stay what they are get their weights from the repair of the whole candidate.
    """
    is_stitched = STITCHED in prepared.config.training.fidelities
    return {
        name: [
            choice.label
            for choice in menu
            if not choice.is_dense and (is_stitched or choice.filter_type != "keep")
        ]
        for name, menu in prepared.space.menus
    }


def _missing(
    prepared: Prepared, wanted: Mapping[str, list[str]], store: LayerStore
) -> Mapping[str, list[str]]:
    """Labels that are not stored, by layer; the layers that take longest come first."""
    missing = {
        name: [label for label in labels if not store.has(name, label)]
        for name, labels in wanted.items()
    }
    found = {name: labels for name, labels in missing.items() if labels}
    weight = {node.name: node.weights.get("weight") for node in prepared.graph.nodes}

    def size(layer: str) -> int:
        key = weight[layer]
        return 0 if key is None else int(prepared.graph.weights[key].values.size)

    return {layer: found[layer] for layer in sorted(found, key=lambda name: -size(name))}
