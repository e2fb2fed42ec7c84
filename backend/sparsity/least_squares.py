"""Least squares of a layer's kept weights from second moments of its inputs and targets."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.sparsity.moments import Moments

_BYTES_AT_ONCE = 1 << 28


def solve_kept(moments: Moments, mask: Tensor, band: int) -> Tensor:
    """Weights (filters, columns) of least squared error that are zero outside the mask.

    Args:
        moments: of the layer.
        mask: bool (filters, columns); the filters of a band share one support, or are all zero.
        band: filters of a band; they are solved with one factorisation, of what any of them keeps.
    """
    filters, columns = mask.shape
    of_group = filters // moments.groups
    if moments.groups > 1:
        band = 1
    count = -(-filters // band)
    padded = torch.zeros(count * band, columns, dtype=torch.bool)
    padded[:filters] = mask
    support = padded.view(count, band, columns).any(1)  # (bands, columns)
    group = torch.arange(count) * band // of_group
    widest = int(support.sum(1).max()) if count else 0
    solved = torch.zeros(count, columns, band)
    if widest:
        # kept columns of each band first, then fillers that `valid` cuts off
        index = support.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :widest]
        valid = support.gather(1, index)
        right = _right_sides(moments, count, band)
        chunk = max(1, _BYTES_AT_ONCE // (4 * widest * widest))
        for start in range(0, count, chunk):
            part = slice(start, start + chunk)
            solved[part] = _solve_bands(moments, index[part], valid[part], group[part], right[part])
    weights = solved.transpose(1, 2).reshape(count * band, columns)[:filters]
    return torch.where(mask, weights, torch.zeros(()))


def intercept(moments: Moments, weight: Tensor) -> Tensor:
    """What to add to each filter's output so that its mean is the target's: (filters,)."""
    groups, columns = moments.input_mean.shape
    means = weight.view(groups, -1, columns) @ moments.input_mean.unsqueeze(2)
    return moments.target_mean - means.flatten()


def relative_error(moments: Moments, weight: Tensor) -> float:
    """Mean squared error of weights (filters, columns), as a share of the targets' variance.

    0 where the targets do not vary.
    """
    groups, columns, _ = moments.cross.shape
    w = weight.view(groups, -1, columns).transpose(1, 2)  # (groups, columns, filters of a group)
    # the ridge is part of gram and cross; its share of the error is below that of the ridge itself
    explained = (w * (2.0 * moments.cross - moments.gram @ w)).sum()
    whole = float(moments.energy.sum())
    return 0.0 if whole <= 0.0 else max(0.0, 1.0 - float(explained) / whole)


def _right_sides(moments: Moments, count: int, band: int) -> Tensor:
    """Cross moments of each band's filters: (bands, columns, band), padded with zeros."""
    groups, columns, of_group = moments.cross.shape
    cross = moments.cross.permute(0, 2, 1).reshape(groups * of_group, columns)
    padded = torch.zeros(count * band, columns)
    padded[: len(cross)] = cross
    return padded.view(count, band, columns).transpose(1, 2)


def _solve_bands(
    moments: Moments, index: Tensor, valid: Tensor, group: Tensor, right: Tensor
) -> Tensor:
    gram = moments.gram[group.view(-1, 1, 1), index.unsqueeze(2), index.unsqueeze(1)]
    both = valid.unsqueeze(2) & valid.unsqueeze(1)
    gram = torch.where(both, gram, torch.zeros(()))
    gram.diagonal(dim1=1, dim2=2).add_((~valid).float())
    wide = index.unsqueeze(2).expand(-1, -1, right.shape[2])
    taken = right.gather(1, wide) * valid.unsqueeze(2)
    kept = torch.cholesky_solve(taken, factorise(gram))
    return torch.zeros_like(right).scatter(1, wide, kept)


def factorise(gram: Tensor) -> Tensor:
    """Cholesky factors of (batch, n, n); rounding that breaks one is met with a larger ridge."""
    factor, failed = torch.linalg.cholesky_ex(gram)
    boost = 1e-5
    while bool(failed.any()) and boost < 1.0:
        diagonal = gram.diagonal(dim1=1, dim2=2)
        extra = boost * diagonal.mean(1, keepdim=True).clamp(min=1e-8)
        factor, failed = torch.linalg.cholesky_ex(
            gram + torch.diag_embed(extra.expand_as(diagonal))
        )
        boost *= 10
    kept: Tensor = factor
    return kept
