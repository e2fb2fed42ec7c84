"""Who takes part in the bake-off: pruning algorithms as data. Needs no torch.

NPAS (Li et al., CVPR 2021), phase 3, compares magnitude, ADMM and geometric-median pruning, each
extended to the schemes of the candidate. Least squares with distillation is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Contestant:
    """One way from the dense net to a pruned one.

    Attributes:
        title: what people call it.
        algorithm: a row of `backend.training.algorithms.ALGORITHMS`.
        criterion: a row of `backend.sparsity.criteria.CRITERIA`: what is kept.
        repair: refit kept weights by least squares before training.
        distillation: learn from the dense net already in the bake-off; the full run always does.
        says: one sentence for the user.
    """

    title: str
    algorithm: str
    criterion: str
    repair: bool
    distillation: bool
    says: str


CONTESTANTS: Mapping[str, Contestant] = {
    "magnitude": Contestant(
        "Magnitude",
        "one_shot",
        "magnitude",
        repair=False,
        distillation=False,
        says="Keeps the largest weights at once, then retrains them.",
    ),
    "admm": Contestant(
        "ADMM",
        "admm",
        "magnitude",
        repair=False,
        distillation=False,
        says="Pulls weights towards the scheme while they train, then retrains what is kept.",
    ),
    "geometric_median": Contestant(
        "Geometric median",
        "one_shot",
        "geometric_median",
        repair=False,
        distillation=False,
        says="Removes what the others can stand in for best, then retrains.",
    ),
    "least_squares": Contestant(
        "Least squares + distillation",
        "one_shot",
        "obs",
        repair=True,
        distillation=True,
        says="Refits kept weights without labels, then learns from the dense net.",
    ),
}
