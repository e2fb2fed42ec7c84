"""A finished training as plain JSON. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backend.training.recipe import Recipe

if TYPE_CHECKING:
    from backend.training.train_model import TrainedModel


def training_report(trained: TrainedModel, model: str, data: str, recipe: Recipe) -> dict[str, Any]:
    """What was trained how, every epoch, and accuracies as `Accuracy` has them."""
    return {
        "model": model,
        "data": data,
        "recipe": asdict(recipe),
        "classes": list(trained.run.graph.classes),
        "history": [asdict(epoch) for epoch in trained.run.history],
        "best_epoch": trained.run.best_epoch,
        "notes": list(trained.run.notes),
        "before": asdict(trained.before),
        "validation": asdict(trained.validation),
        "test": asdict(trained.test),
        "graph_digest": trained.run.graph.digest,
    }
