"""What decides a run of ADMM, beside net, candidate and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.errors import PlanError

PAPER_RHOS = (1e-4, 1e-3, 1e-2, 1e-1)
"""YOLObile's four stages, 1e-4 x 10^i, of 6 ImageNet epochs each."""

SELECTIONS = ("simplex", "l2")
HARD_MASKS = ("splits", "criterion")

_FIRST_TRAVEL, _LAST_TRAVEL = 0.3, 10.0
_MOMENTUM = 0.9
_LARGEST_STEP = 0.5


@dataclass(frozen=True)
class AdmmSettings:
    """How ADMM runs.

    The loss f is a mean over the batch, and the penalty a sum over the weights, so SGD at rate lr
    and momentum m moves W by the share lr rho / (1 - m) of its way to Z - U in a step, if f did not
    pull. What a rho does therefore hangs on the number of steps: the papers' four stages have tens
    of thousands, at which 1e-4 to 1e-1 are 0.3 to 300 ways; in the 400 steps of one epoch of
    CIFAR-10 they would do nothing, and duals would grow on weights that never moved.

    Attributes:
        rhos: of the stages, in order; empty fits them to the length of the training
            (`fitted_rhos`). The papers' are `PAPER_RHOS`.
        stages: where rhos are fitted.
        updates: projections and dual steps of a stage, spread evenly over its steps.
        share: of the epochs; the rest is masked retraining.
        selection: how kernels choose their patterns: "simplex" (Ma et al., ECCV 2020) or "l2"
            (the pattern that keeps most energy, PatDNN).
        selection_rate: learning rate of the simplex's z.
        library: sizes of the pattern library on its way down from the universe of 56, as in Ma et
            al.: (32, 12, 8) drops the least chosen three times; empty takes the plan's sets.
        hard_mask: what the mask is in the end: "splits" takes what both constraints have settled
            on, "criterion" the settings' criterion among the trained weights.
        saw_tooth: the learning rate starts anew with every stage, as in YOLObile.
    """

    rhos: tuple[float, ...] = ()
    stages: int = 4
    updates: int = 1
    share: float = 0.5
    selection: str = "simplex"
    selection_rate: float = 1.0
    library: tuple[int, ...] = ()
    hard_mask: str = "splits"
    saw_tooth: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rhos", tuple(float(rho) for rho in self.rhos))
        object.__setattr__(self, "library", tuple(int(size) for size in self.library))
        if not all(0 < rho < float("inf") for rho in self.rhos):
            msg = "every rho of ADMM is a number above 0"
            raise PlanError(msg)
        if min(self.stages, self.updates) < 1:
            msg = "ADMM has at least one stage, and one update in each"
            raise PlanError(msg)
        if not 0 < self.share < 1:
            msg = f"ADMM's share of the epochs is between 0 and 1, not {self.share:g}"
            raise PlanError(msg)
        if self.hard_mask not in HARD_MASKS:
            msg = f"the hard mask comes from {' or '.join(HARD_MASKS)}, not {self.hard_mask!r}"
            raise PlanError(msg)
        if self.selection not in SELECTIONS:
            msg = f"patterns are selected by {' or '.join(SELECTIONS)}, not by {self.selection!r}"
            raise PlanError(msg)


def fitted_rhos(stages: int, steps: int, rate: Callable[[int, int], float]) -> tuple[float, ...]:
    """Rhos that draw W 0.3 ways to Z - U in the first stage and 10 in the last, geometrically.

    No rho moves W by more than half of its way in one step, where SGD would overshoot.

    Args:
        stages: of ADMM.
        steps: of the training.
        rate: learning rate of a step, by its number and the number of all.
    """
    ratio = (_LAST_TRAVEL / _FIRST_TRAVEL) ** (1 / max(1, stages - 1))
    rhos = []
    for stage in range(stages):
        first, last = steps * stage // stages, max(1, steps * (stage + 1) // stages)
        moves = [rate(step, steps) / (1 - _MOMENTUM) for step in range(min(first, last - 1), last)]
        travel = _LAST_TRAVEL / ratio ** (stages - 1 - stage)
        rhos.append(min(travel / sum(moves), _LARGEST_STEP / max(moves)))
    return tuple(rhos)


def saw_tooth(step: int, steps: int, stages: int) -> tuple[int, int]:
    """Place of a step in its own stage, and the steps of that stage."""
    stage = min(stages - 1, step * stages // max(1, steps))
    # the first step that the formula above gives to a stage
    first, last = -(-steps * stage // stages), -(-steps * (stage + 1) // stages)
    return step - first, max(1, last - first)
