"""Whether cheap fidelities rank candidates as the dearest one does."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backend.config.rungs import label_of
from backend.config.search_file import SearchConfig
from backend.latency.prediction_error import spearman
from backend.reconstruction.store import LayerStore
from backend.search.layer_reconstruction import store_of
from backend.search.preparation import Prepared, prepare
from backend.search.results import read_evaluation
from backend.search.run_search import evaluator_setup
from backend.search.space import Space
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import Settings
from codegen.targets.registry import load_target

MOST_DENSE = 0.8  # the largest share of layers that a drawn candidate leaves dense


def rank_fidelities(
    config: SearchConfig,
    settings: Settings,
    folder: Path,
    *,
    count: int,
    on_candidate: Callable[[int, list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    """Evaluate random candidates at every rung and rank them; what is in the folder is not redone.

    Args:
        config: with rungs; the last one is the truth.
        settings: the installation.
        folder: keeps every evaluation.
        count: of candidates.
        on_candidate: told a candidate's index and its evaluations.

    Returns:
        Rows with `name`, `seconds` (of one core, median; None for tables) and Spearman's
        coefficient with the last rung's cross-entropy, `spearman`.

    Raises:
        PunchcardError: the configuration does not fit, or a candidate cannot be evaluated.
    """
    from backend.search.evaluator import make_handlers

    prepared = prepare(config, open_database(), open_artifacts(settings))
    folder.mkdir(parents=True, exist_ok=True)
    store = store_of(prepared, settings)
    target = load_target("host").full_name
    setup = evaluator_setup(prepared, target, folder, settings)
    handlers = make_handlers({**setup, "layers": str(store.folder)})
    rungs = config.training.fidelities
    drawn, found = draw(prepared.space, count, config.seed), []
    for number, labels in enumerate(drawn):
        candidate = prepared.space.candidate(labels)
        row = []
        for rung in range(len(rungs)):
            place = folder / f"{candidate.digest[:16]}-r{rung}"
            payload = {"candidate": candidate.to_json(), "folder": str(place), "rung": rung}
            done = read_evaluation(place) or handlers["evaluate"](payload)
            row.append(dict(done))
        found.append(row)
        on_candidate(number, row)
    truth = [row[-1]["loss"] for row in found]
    rows: list[dict[str, Any]] = [
        {"name": name, "seconds": None, "spearman": spearman(sums, truth)}
        for name, sums in _tables(prepared, store, drawn).items()
    ]
    for rung, which in enumerate(rungs):
        scores = [row[rung]["loss"] for row in found]
        rows.append(
            {
                "name": label_of(which),
                "seconds": statistics.median(_seconds(row[rung]) for row in found),
                "spearman": spearman(scores, truth),
            }
        )
    return rows


def draw(space: Space, count: int, seed: int) -> list[dict[str, str]]:
    """Candidates of all mixtures: each with its own share of dense layers."""
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        share = random.uniform(0.0, MOST_DENSE)
        labels = space.draw(random)
        drawn.append(
            {
                name: menu[0] if random.random() < share else labels[name]
                for name, menu in space.labels.items()
            }
        )
    return drawn


def _tables(
    prepared: Prepared, store: LayerStore, drawn: list[dict[str, str]]
) -> dict[str, list[float]]:
    """Sums over layers: of removed energy, and of what reconstruction left."""
    errors = {(row["layer"], row["label"]): float(row["error"]) for row in store.reports()}
    energy = prepared.problem.damage
    return {
        "removed energy, summed": [
            sum(energy[layer][label] for layer, label in labels.items()) for labels in drawn
        ],
        "reconstruction error, summed": [
            sum(errors.get((layer, label), 0.0) for layer, label in labels.items())
            for labels in drawn
        ],
    }


def _seconds(evaluation: dict[str, Any]) -> float:
    laps = evaluation["seconds"]
    return float(laps["repair_s"] + laps["fine_tune_s"] + laps["evaluate_s"])
