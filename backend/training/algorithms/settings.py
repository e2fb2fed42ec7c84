"""What decides a pruning run, beside net, candidate and data."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.training.algorithms.admm_settings import AdmmSettings
from backend.training.recipe import Distillation, Recipe
from codegen.errors import PlanError


@dataclass(frozen=True)
class PruneSettings:
    """How a net is pruned and trained.

    Attributes:
        recipe: of all training together: an algorithm with several trainings shares its epochs
            out, so that every algorithm costs the same; 0 epochs train nothing.
        criterion: what masks are chosen by; ADMM's come from its splits unless told otherwise.
        repair: whether kept weights are refitted by least squares after masks have been chosen;
            without, batch norm is measured anew.
        repair_images: unlabelled training images for it.
        with_labels: whether gradient criteria see their labels after all.
        stages: of iterative pruning.
        admm: of ADMM.
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(distillation=Distillation()))
    criterion: str = "obs"
    repair: bool = True
    repair_images: int = 512
    with_labels: bool = False
    stages: int = 3
    admm: AdmmSettings = AdmmSettings()

    def __post_init__(self) -> None:
        if self.stages < 1:
            msg = f"iterative pruning has at least one stage, not {self.stages}"
            raise PlanError(msg)
        if self.repair_images < 1:
            msg = "the repair needs at least one image"
            raise PlanError(msg)
