"""Rows that prune a dense start and train it a little: what they are, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.bench.accuracy.cell import Cell, Fact
from backend.bench.accuracy.profile import Profile
from backend.bench.accuracy.start import Start
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice
from backend.training.recipe import Distillation, Recipe

DENSE_START, DENSE = "dense start", "dense"
HARD_WEIGHT, TEMPERATURE = 0.1, 4.0
REPAIR_VERSION = 2
"""Raised when the default repair ends elsewhere; 2 aims at what the net behind a layer sees."""


@dataclass(frozen=True)
class PruningRow:
    """One row.

    Attributes:
        title: as it is printed.
        choice: of every pruned layer; None leaves the net dense.
        algorithm: "repair" (one shot, masks and weights by least squares) or a key of
            `pruning_run.METHODS`.
        is_trained: whether the extra training follows.
        rate: its peak learning rate; 0: the profile's.
    """

    title: str
    choice: LayerChoice | None = None
    algorithm: str = "repair"
    is_trained: bool = True
    rate: float = 0.0


def extra_training(profile: Profile, row: PruningRow, seed: int) -> dict[str, Any]:
    """The training that follows pruning: what it sets of a recipe. The dense start teaches."""
    return {
        "epochs": profile.epochs,
        "batch": profile.batch,
        "learning_rate": row.rate or profile.rate,
        "warm_up": 0.1,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
        "flip": True,
        "shift": 4,
        "seed": seed,
    }


def extra_recipe(profile: Profile, row: PruningRow, seed: int) -> Recipe:
    """The same as a recipe."""
    by = Distillation(hard_weight=HARD_WEIGHT, temperature=TEMPERATURE)
    return Recipe(**extra_training(profile, row, seed), distillation=by)


def row_cell(place: Workplace, net: str, start: Start, row: PruningRow, seed: int) -> Cell:
    """The cell of a row, a start and a seed."""
    profile: Profile = place.profile
    facts: dict[str, Fact] = {
        "start": start.graph.digest,
        "data": place.data.digest,
        "scheme": "dense" if row.choice is None else row.choice.label,
    }
    if row.choice is not None:
        facts |= {
            "algorithm": row.algorithm,
            "repair_images": profile.repair_images,
            "repair": REPAIR_VERSION,
        }
    if row.is_trained:
        facts |= extra_training(profile, row, seed)
        facts |= {
            "images": profile.images,
            "teacher": "start",
            "hard_weight": HARD_WEIGHT,
            "temperature": TEMPERATURE,
        }
    return Cell(net, row.title, seed, facts, row)
