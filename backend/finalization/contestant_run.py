"""One contestant on one candidate: dense net in, pruned and trained net out (needs torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.config.finalize_file import FinalizeSettings
from backend.data.splits import Indices
from backend.finalization.contestants import CONTESTANTS
from backend.finalization.source import Source
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.algorithms.settings import PruneSettings
from backend.training.recipe import Distillation, Recipe


@dataclass(frozen=True)
class Portion:
    """How much training a contestant gets.

    Attributes:
        indices: training images, (n,).
        epochs: passes over them.
        distils: whether it learns from the dense net.
    """

    indices: Indices
    epochs: int
    distils: bool


def run_contestant(
    name: str,
    source: Source,
    settings: FinalizeSettings,
    portion: Portion,
    *,
    validation: Indices,
    folder: Path,
    on_phase: Callable[[str, int, int], None],
    should_stop: Callable[[], bool],
) -> Pruned:
    """Prune and train as one contestant does; goes on from the checkpoints in `folder`.

    Raises:
        StoppedError: `should_stop` said so; the checkpoints are written.
        PunchcardError: the algorithm cannot do the candidate, or training broke down.
    """
    contestant = CONTESTANTS[name]
    distillation = Distillation(settings.hard_weight, settings.temperature)
    recipe = Recipe(
        epochs=portion.epochs,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        shift=settings.shift,
        seed=settings.seed,
        distillation=distillation if portion.distils else None,
    )
    run = PruningRun(
        source.dense,
        source.candidate,
        source.data,
        portion.indices,
        PruneSettings(
            recipe=recipe,
            criterion=contestant.criterion,
            repair=contestant.repair,
            repair_images=settings.repair_images,
        ),
        pattern_sets=source.pattern_sets,
        validation=validation,
        folder=folder,
        on_phase=on_phase,
        should_stop=should_stop,
    )
    return ALGORITHMS[contestant.algorithm].run(run)


def epochs_of(pruned: Pruned) -> list[dict[str, Any]]:
    """All epochs of all its trainings in a row, as the page draws them."""
    rows: list[dict[str, Any]] = []
    for training in pruned.history.get("trainings", ()):
        for epoch in training["history"]:
            seen = epoch["validation"]
            rows.append(
                {
                    "training": training["name"],
                    "epoch": len(rows) + 1,
                    "loss": epoch["loss"],
                    "validation_loss": seen.get("loss"),
                    "accuracy": seen.get("accuracy"),
                }
            )
    return rows
