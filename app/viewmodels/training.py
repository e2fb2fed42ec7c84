"""A training's choices and its report, as numbers, tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app.viewmodels.numbers import percent, points
from backend.services.training import RecipeCard
from backend.services.views import Json


def recipe_words(card: RecipeCard) -> str:
    """Return a recipe in one sentence."""
    early = f", stops after {card.patience} epochs without progress" if card.patience else ""
    passes = "epoch" if card.epochs == 1 else "epochs"
    return (
        f"{card.title}: {card.epochs} {passes} of batches of {card.batch}, "
        f"learning rate up to {card.learning_rate:g}{early}."
    )


def changes(card: RecipeCard, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields whose numbers are not the recipe's own."""
    return {name: value for name, value in asked.items() if value != getattr(card, name)}


def epoch_table(report: Json) -> pd.DataFrame:
    """Return one row an epoch; the best is marked by a word."""
    return pd.DataFrame(
        [
            {
                "epoch": epoch["number"],
                "training loss": epoch["loss"],
                "validation loss": epoch["validation"].get("loss"),
                "validation accuracy (%)": 100 * epoch["validation"]["accuracy"],
                "kept": "these weights" if epoch["number"] == report["best_epoch"] else "",
            }
            for epoch in report["history"]
        ]
    )


def outcome(report: Json) -> tuple[str, str]:
    """Return test accuracy with its standard error, and the gain over the start."""
    test, before = report["test"], report["before"]
    return (
        f"{percent(test['accuracy'])} ± {points(test['standard_error']).lstrip('+')}",
        points(test["accuracy"] - before["accuracy"]),
    )
