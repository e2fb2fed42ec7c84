"""Second moments of a layer's inputs and targets, summed part by part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 1e-3
"""Share of the mean diagonal; from 1e-4 to 1e-2 nothing changes that is more than noise."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Centred second moments of one layer.

    Attributes:
        gram: of the inputs, with the ridge on its diagonal, (groups, columns, columns).
        cross: of inputs and targets plus ridge times the old weights, (groups, columns, filters
            of a group).
        input_mean: (groups, columns); zeros where no intercept can be stored.
        target_mean: (filters,).
        ridge: what stands on the diagonal, (groups,).
        energy: mean square of the centred targets, (filters,).
    """

    gram: Tensor
    cross: Tensor
    input_mean: Tensor
    target_mean: Tensor
    ridge: Tensor
    energy: Tensor

    @property
    def groups(self) -> int:
        """Convolution groups."""
        return self.gram.shape[0]


class MomentSum:
    """Adds up moments over parts of the samples, so that not all of them lie in memory.

    Args:
        centred: whether means are taken off, which a layer needs that can store an intercept.
    """

    def __init__(self, *, centred: bool) -> None:
        self._centred = centred
        self._samples = 0
        self._xx: Tensor | None = None
        self._x: Tensor | None = None
        self._reset()

    def _reset(self) -> None:
        self._xy: Tensor | None = None
        self._y: Tensor | None = None
        self._yy: Tensor | None = None

    def add(self, x: Tensor, target: Tensor) -> None:
        """Inputs (groups, samples, columns) and targets (samples, filters) of one part."""
        self._xx = _plus(self._xx, x.transpose(1, 2) @ x)
        self._x = _plus(self._x, x.sum(1))
        self._samples += x.shape[1]
        self.add_target(x, target)

    def new_targets(self) -> None:
        """Forget the targets: the same inputs come again by `add_target`, with others."""
        self._reset()

    def add_target(self, x: Tensor, target: Tensor) -> None:
        """Targets of a part whose inputs were added before."""
        y = target.view(x.shape[1], x.shape[0], -1).permute(1, 0, 2)
        self._xy = _plus(self._xy, x.transpose(1, 2) @ y)
        self._y = _plus(self._y, y.sum(1))
        self._yy = _plus(self._yy, (y**2).sum(1))

    def moments(self, weight: Tensor) -> Moments:
        """Of everything added; the ridge pulls towards `weight` (filters, columns).

        A layer whose inputs are all zero, or one constant, keeps its weights: only the ridge is
        left.
        """
        assert self._xx is not None and self._x is not None and self._xy is not None
        assert self._y is not None and self._yy is not None
        count = self._samples
        groups, columns = self._x.shape
        input_mean, target_mean = self._x / count, self._y / count
        energy = (self._yy / count - target_mean**2).clamp(min=0).flatten()
        if not self._centred:
            input_mean = torch.zeros_like(input_mean)
            target_mean = torch.zeros_like(target_mean)
        gram = self._xx / count
        gram -= input_mean.unsqueeze(2) * input_mean.unsqueeze(1)
        cross = self._xy / count
        cross -= input_mean.unsqueeze(2) * target_mean.unsqueeze(1)
        diagonal = gram.diagonal(dim1=1, dim2=2)
        ridge = (RIDGE * diagonal.mean(1)).clamp(min=1e-8)
        diagonal.add_(ridge.view(-1, 1))
        old = weight.view(groups, -1, columns).transpose(1, 2)
        cross += ridge.view(-1, 1, 1) * old
        return Moments(gram, cross, input_mean, target_mean.flatten(), ridge, energy)


def measure_moments(x: Tensor, target: Tensor, weight: Tensor, *, centred: bool) -> Moments:
    """Moments of inputs (groups, samples, columns) and targets (samples, filters) in one part.

    The ridge, 1e-3 of the mean diagonal, pulls towards `weight` (filters, columns).
    """
    summed = MomentSum(centred=centred)
    summed.add(x, target)
    return summed.moments(weight)


def _plus(total: Tensor | None, part: Tensor) -> Tensor:
    return part if total is None else total.add_(part)
