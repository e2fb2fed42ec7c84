"""Before the first candidate: every choice of every layer reconstructed once, in parallel."""

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
    """Whether a search works with reconstructed layers: for stitching, or for filter types."""
    if STITCHED in prepared.config.training.fidelities:
        return True
    return any(choice.filter_type != "keep" for _, menu in prepared.space.menus for choice in menu)


def reconstruct_layers(run: Surroundings, store: LayerStore) -> Surroundings:
    """Have the evaluators make what is not stored yet; then damage is what was measured.

    Returns:
        The run with a damage table from the store (`backend.search.tables`).

    Raises:
        SearchError: a layer cannot be reconstructed.
        CancelledError: the search was cancelled or paused; what is stored stays.
    """
    todo = _missing(run.prepared, store)
    total = len(run.prepared.space.menus)
    for layer, labels in todo.items():
        payload = {"layer": layer, "choices": labels}
        run.executor.submit(Task(f"{_ID}{layer}", "reconstruct", payload))
    left = len(todo)
    reports: list[Mapping[str, Any]] = []  # of stores on other machines as well
    while left:
        run.context.check()
        text = f"{total - left} of {total} layers, every choice once; kept for later searches"
        run.context.progress("reconstructing", total - left, total, text)
        for outcome in run.executor.poll(POLL_S):
            left -= 1
            if outcome.result is None:
                layer = outcome.task.id.removeprefix(_ID)
                msg = f"layer {layer!r} cannot be reconstructed: {outcome.error}"
                raise SearchError(msg)
            reports += outcome.result["reports"]
    problem = run.prepared.problem
    damage = reconstructed_damage(problem.damage, [*store.reports(), *reports])
    return replace(run, prepared=replace(run.prepared, problem=replace(problem, damage=damage)))


def _missing(prepared: Prepared, store: LayerStore) -> Mapping[str, list[str]]:
    """Labels that are not stored, by layer; the layers that take longest come first."""
    found = {}
    for name, menu in prepared.space.menus:
        labels = [it.label for it in menu if not it.is_dense and not store.has(name, it.label)]
        if labels:
            found[name] = labels
    weight = {node.name: node.weights.get("weight") for node in prepared.graph.nodes}

    def size(layer: str) -> int:
        key = weight[layer]
        return 0 if key is None else int(prepared.graph.weights[key].values.size)

    return {layer: found[layer] for layer in sorted(found, key=lambda name: -size(name))}
