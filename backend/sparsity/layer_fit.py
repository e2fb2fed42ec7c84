"""Least squares of one layer: its inputs in parts, its moments, its weights."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from backend.sparsity.aim import Aim
from backend.sparsity.calibration import Positions, gather_columns
from backend.sparsity.least_squares import intercept, solve_kept
from backend.sparsity.moments import Moments, MomentSum
from codegen.ir.node import Node

_PART_BYTES = 1 << 26


class LayerFit:
    """One convolution or fully connected layer inside the repair pass.

    Args:
        node: the layer.
        x: its input, for all images.
        weight: its present weight.
        at: sampled positions of a convolution.
        aim: what it should make.
        centred: whether an intercept can be stored.
    """

    def __init__(
        self,
        node: Node,
        x: Tensor,
        weight: Tensor,
        at: Positions | None,
        aim: Aim,
        *,
        centred: bool,
    ) -> None:
        self._node, self._x, self._weight, self._at, self._aim = node, x, weight, at, aim
        self._centred = centred
        self._sum = MomentSum(centred=centred)
        for columns, samples in self._parts():
            self._sum.add(columns, aim.target[samples])
        self.moments: Moments = self._sum.moments(weight.flatten(1))

    def solve(self, mask: Tensor, band: int) -> tuple[Tensor, Tensor]:
        """Weights (filters, columns) that are zero outside the mask, and intercepts (filters,).

        A first solution tells where the activation behind hides the error; a second one no longer
        spends anything there.
        """
        moments = self.moments
        solved = solve_kept(moments, mask, band)
        shift = intercept(moments, solved)
        if not (self._aim.is_bounded and self._centred):
            return solved, shift
        self._sum.new_targets()
        for columns, samples in self._parts():
            made = _product(columns, solved) + shift
            self._sum.add_target(columns, self._aim.seen_from(made, samples))
        moments = self._sum.moments(self._weight.flatten(1))
        solved = solve_kept(moments, mask, band)
        return solved, intercept(moments, solved)

    def _parts(self) -> Iterator[tuple[Tensor, slice]]:
        """Inputs (groups, samples, columns) of some images at a time, and their samples."""
        images = len(self._x)
        if self._at is None:
            yield self._x.unsqueeze(0), slice(0, images)
            return
        kernel = (self._weight.shape[2], self._weight.shape[3])
        width = self._weight[0].numel() * self._node.integer("groups")
        of_image = len(self._at.image) // images * width + self._x[0].numel()
        step = max(1, _PART_BYTES // (4 * of_image))
        for start in range(0, images, step):
            part = slice(start, min(start + step, images))
            at, samples = self._at.of_images(part, images)
            yield gather_columns(self._x[part], self._node, kernel, at), samples


def _product(columns: Tensor, weight: Tensor) -> Tensor:
    """Outputs (samples, filters) of inputs (groups, samples, columns)."""
    groups, samples, width = columns.shape
    of_groups = weight.view(groups, -1, width).transpose(1, 2)
    return torch.bmm(columns, of_groups).permute(1, 0, 2).reshape(samples, -1)
