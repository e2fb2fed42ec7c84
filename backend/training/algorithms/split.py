"""One constraint of ADMM: a copy of the weight that obeys it, and the dual that ties both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.sparsity.schemes.structure import BoolArray, FloatArray

Selection = Callable[[FloatArray], BoolArray]
"""Which entries the nearest tensor that obeys a constraint keeps; the others are zero."""


@dataclass(frozen=True)
class Residual:
    """How far a weight is from its constraint after an update.

    Attributes:
        primal: ||W - Z|| / ||W||: 0 once the weight obeys the constraint.
        moved: ||Z - Z_before|| / ||W||: 0 once the constraint asks for the same as before.
    """

    primal: float
    moved: float


class Split:
    """min f(W) with W in S, as min f(W) with Z in S and W = Z, in scaled form.

    Boyd et al. (2011, section 3.1.1), and PatDNN (ASPLOS 2020) and Ma et al. (ECCV 2020) for
    pruning. The W-step is the trainer's; `penalty` is what it adds to its loss. `update` is the Z
    and the dual step. The squared norm is used: the pull of the norm alone, which public code has,
    would not fade as W nears Z.

    Args:
        name: what records call it ("pattern", "connectivity", "structure").
        select: entries that the projection onto S keeps.
        weight: where W starts; Z starts as its projection, the dual at 0.
    """

    def __init__(self, name: str, select: Selection, weight: Tensor) -> None:
        self.name = name
        self.select = select
        self.kept: BoolArray = select(_to_numpy(weight))
        self.copy = self._projection(weight.detach())
        self.dual = torch.zeros_like(self.copy)

    def penalty(self, weight: Tensor, rho: float) -> Tensor:
        """The pull: rho / 2 ||W - Z + U||_F^2."""
        return 0.5 * rho * (weight - self.copy + self.dual).square().sum()

    @torch.no_grad()
    def update(self, weight: Tensor) -> Residual:
        """Z = projection of W + U, then U += W - Z."""
        before, wanted = self.copy, weight + self.dual
        self.kept = self.select(_to_numpy(wanted))
        self.copy = self._projection(wanted)
        self.step_dual(weight)
        size = float(weight.norm()) or 1.0
        return Residual(
            float((weight - self.copy).norm()) / size, float((self.copy - before).norm()) / size
        )

    def step_dual(self, weight: Tensor) -> None:
        """U += W - Z: without it the penalty can only hold W between Z and where f wants it."""
        self.dual = self.dual + (weight - self.copy)

    def rescale(self, factor: float) -> None:
        """Keep the unscaled dual rho U as it was when rho is multiplied by `factor`."""
        self.dual = self.dual / factor

    def state(self) -> dict[str, Tensor]:
        """Everything that has to be stored to go on later."""
        return {"copy": self.copy, "dual": self.dual, "kept": torch.from_numpy(self.kept.copy())}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.copy = state["copy"].to(self.copy).clone()
        self.dual = state["dual"].to(self.dual).clone()
        self.kept = state["kept"].numpy().copy()

    def _projection(self, weight: Tensor) -> Tensor:
        return weight * torch.from_numpy(self.kept.copy()).to(weight.device)


def _to_numpy(weight: Tensor) -> FloatArray:
    return weight.detach().cpu().contiguous().numpy()
