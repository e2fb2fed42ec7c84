"""What a layer should make so that the net behind it sees what the dense net makes.

Two things beside the dense net's own output count. Where a sum follows, the layer makes up for what
the other branch has lost by then. And an activation hides part of the error: where the dense net's
value is cut off, it does not matter how far below the cut ours is (as in Zhang et al., TPAMI 2016,
section 2.2). Both are known only for layers in front of a batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.sparsity.follower import Follower

_LEAST_SCALE = 1e-2
"""Of the largest scale of a norm: a filter below it hardly reaches the sum, and is left alone."""


@dataclass(frozen=True, eq=False)
class Aim:
    """Targets of one layer at its sampled positions.

    Attributes:
        target: what the layer should make, (samples, filters).
        scale: of each filter, from the layer to the sum behind it, (filters,).
        rest: what is added to the scaled value there, (samples, filters) or (1, filters).
        low: of the activation behind the sum.
        high: the same.
    """

    target: Tensor
    scale: Tensor | None = None
    rest: Tensor | None = None
    low: float = -torch.inf
    high: float = torch.inf

    @property
    def is_bounded(self) -> bool:
        """Whether an activation hides part of the error."""
        return self.scale is not None and (self.low > -torch.inf or self.high < torch.inf)

    def seen_from(self, made: Tensor, samples: slice) -> Tensor:
        """Targets that ask nothing more where the activation hides the error: (part, filters).

        Args:
            made: what the layer makes at these samples now, (part, filters).
            samples: which of all.
        """
        target = self.target[samples]
        assert self.scale is not None and self.rest is not None
        usable = _usable(self.scale)
        scale = torch.where(usable, self.scale, torch.ones(()))
        rest = self.rest if len(self.rest) == 1 else self.rest[samples]
        wanted, ours = target * scale + rest, made * scale + rest
        aimed = torch.where(wanted <= self.low, ours.clamp(max=self.low), wanted)
        aimed = torch.where(wanted >= self.high, ours.clamp(min=self.high), aimed)
        return torch.where(usable, (aimed - rest) / scale, target)


def aim_of(
    target: Tensor,
    behind: Follower | None,
    dense: Mapping[str, npt.NDArray[np.float32]],
    dense_sum: Tensor | None,
    other: Tensor | None,
) -> Aim:
    """The aim of a layer.

    Args:
        target: what the dense net makes, (samples, filters).
        behind: what follows.
        dense: the dense net's weights by key.
        dense_sum: its value of the addition behind, (samples, filters), where there is one.
        other: what the other branch adds now, (samples, filters); None where it comes later.
    """
    if behind is None:
        return Aim(target)
    mean, variance, gamma, beta = (
        torch.from_numpy(dense[behind.norm.weights[role]].copy())
        for role in ("mean", "variance", "gamma", "beta")
    )
    scale = gamma / torch.sqrt(variance + behind.norm.number("epsilon"))
    offset = beta - scale * mean
    if dense_sum is None:
        return Aim(target, scale, offset.unsqueeze(0), behind.low, behind.high)
    if other is None:  # as in the dense net, until it is known
        other = dense_sum - target * scale - offset
    usable = _usable(scale)
    divisor = torch.where(usable, scale, torch.ones(()))
    made_up = (dense_sum - other - offset) / divisor
    rest = other + offset
    return Aim(torch.where(usable, made_up, target), scale, rest, behind.low, behind.high)


def _usable(scale: Tensor) -> Tensor:
    return scale.abs() > _LEAST_SCALE * scale.abs().max()
