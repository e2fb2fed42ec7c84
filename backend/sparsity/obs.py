"""Which units to remove, by the error their removal leaves after the rest has been refitted.

Optimal Brain Surgeon (Hassibi and Stork, 1993) on units: removing the columns R from weights w
of inverse second moment H costs w_R' (H_RR)^-1 w_R, and w and H are updated after each step. A step
removes several units at once, so that a layer takes a few matrix products instead of hundreds.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backend.sparsity.least_squares import factorise
from backend.sparsity.moments import Moments
from backend.sparsity.schemes.structure import FloatArray, Structure

_STEPS = 16
_MOST_COLUMNS = 2400
_MOST_BYTES = 1 << 29


def obs_scores(
    moments: Moments, structure: Structure, filters: int, rate: float
) -> FloatArray | None:
    """Scores of columns (bands, columns) for `Scheme.mask_from_scores`, or None.

    None where `why_no_obs` has a reason: magnitude then has to do.
    """
    columns = len(structure.units)
    if why_no_obs(moments.groups, structure) is not None:
        return None
    count = -(-filters // structure.band)
    inverse = torch.cholesky_inverse(factorise(moments.gram))[0]  # (columns, columns)
    weights = _in_bands(inverse @ moments.cross[0], structure.band, count)
    if structure.unit_count == columns and structure.band == 1:
        # single weights: one step, as every filter would need its own inverse
        diagonal = inverse.diagonal().view(1, -1, 1)
        return _to_numpy((weights**2 / diagonal).squeeze(2))
    if structure.alternatives is None:
        index = _columns_of_units(structure)  # (units, columns of a unit), fillers at the end
        index = index.unsqueeze(0).expand(count, -1, -1)
        keep = structure.unit_count / rate
    else:
        index = _best_patterns(inverse, weights, structure)
        size = structure.alternatives.shape[1]
        keep = structure.unit_count * size / (int(structure.alternatives[0].sum()) * rate)
    if not structure.is_balanced:
        keep /= 2  # some bands keep fewer than the others
    if keep < index.shape[1]:
        cross = _in_bands(moments.cross[0], structure.band, count)
        # inverses of some bands at a time
        step = max(1, _MOST_BYTES // (4 * (index.shape[1] * index.shape[2]) ** 2))
        parts = [slice(start, start + step) for start in range(0, count, step)]
        pairs = [_eliminate(moments, index[part], cross[part], keep) for part in parts]
        # ranks are those of a band; costs can be compared with other bands'
        ranks = torch.cat([pair[0 if structure.is_balanced else 1] for pair in pairs])
    else:
        ranks = torch.ones(index.shape[:2])
    scores = torch.zeros(count, columns + index.shape[1] * index.shape[2])
    wide = ranks.unsqueeze(2).expand_as(index)
    scores.scatter_(1, index.flatten(1), wide.flatten(1))
    return _to_numpy(scores[:, :columns])


def why_no_obs(groups: int, structure: Structure) -> str | None:
    """Why a layer's units cannot be ranked this way, in words, or None where they can."""
    if groups > 1:
        return "its filters read different inputs"
    if len(structure.units) > _MOST_COLUMNS:
        return f"its filters have {len(structure.units)} weights, more than {_MOST_COLUMNS}"
    if structure.unit_count < 2:
        return "its filters are single units"
    return None


def _in_bands(weights: Tensor, band: int, count: int) -> Tensor:
    """(columns, filters) to (bands, columns, band), padded with zeros."""
    columns, filters = weights.shape
    padded = torch.zeros(columns, count * band)
    padded[:, :filters] = weights
    return padded.view(columns, count, band).transpose(0, 1)


def _columns_of_units(structure: Structure) -> Tensor:
    """Columns of each unit; smaller units are filled up with numbers from `columns` on."""
    columns, units = len(structure.units), structure.unit_count
    sizes = np.bincount(structure.units, minlength=units)
    index = columns + np.arange(units * int(sizes.max())).reshape(units, -1)
    order = np.argsort(structure.units, kind="stable")
    slot = np.concatenate([np.arange(size) for size in sizes])
    index[structure.units[order], slot] = order
    return torch.from_numpy(index.astype(np.int64))


def _best_patterns(inverse: Tensor, weights: Tensor, structure: Structure) -> Tensor:
    """Columns each kernel keeps by its cheapest pattern: (bands, kernels, kept positions)."""
    assert structure.alternatives is not None
    patterns = torch.from_numpy(structure.alternatives)
    size, kernels = patterns.shape[1], structure.unit_count
    removed = torch.stack([torch.nonzero(~row).flatten() for row in patterns])
    kept = torch.stack([torch.nonzero(row).flatten() for row in patterns])
    within = inverse.view(kernels, size, kernels, size).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    blocks = within[:, removed.unsqueeze(2), removed.unsqueeze(1)]  # (kernels, patterns, r, r)
    inverted = torch.linalg.inv(blocks)
    grouped = weights.reshape(len(weights), kernels, size, -1)
    gone = grouped[:, :, removed]  # (bands, kernels, patterns, r, filters)
    loss = (gone * (inverted @ gone)).sum(dim=(3, 4))
    best = loss.argmin(dim=2)  # (bands, kernels)
    return kept[best] + torch.arange(kernels).view(1, -1, 1) * size


def _eliminate(
    moments: Moments, index: Tensor, cross: Tensor, keep: float
) -> tuple[Tensor, Tensor]:
    """Rank and cost of every unit, (bands, units): the higher, the later it is removed.

    The cost is that at a unit's removal, or of one removed before it where that was higher.

    Args:
        moments: of the layer.
        index: columns of each unit, (bands, units, size); numbers from `columns` on are fillers.
        cross: moments of inputs and targets, (bands, columns, filters of a band).
        keep: units of a band that stay.
    """
    count, units, size = index.shape
    inverse, weights = _start(moments, index.flatten(1), cross)
    alive = torch.arange(units).expand(count, units)
    ranks, costs, highest = torch.zeros(count, units), torch.zeros(count, units), torch.zeros(1)
    left, least = units, max(1, min(units, int(keep)))
    given = 0
    for step in range(_STEPS):
        removing = -(-(left - least) // (_STEPS - step))
        loss = _unit_losses(inverse, weights, size)
        order = loss.argsort(dim=1)
        if not removing:
            break
        gone, staying = order[:, :removing], order[:, removing:].sort(dim=1).values
        ranks.scatter_(
            1, alive.gather(1, gone), given + 1.0 + torch.arange(removing).expand(count, -1)
        )
        highest = loss.gather(1, gone).maximum(highest)
        costs.scatter_(1, alive.gather(1, gone), highest)
        highest = highest[:, -1:]
        given += removing
        inverse, weights = _remove(inverse, weights, _spread(gone, size), _spread(staying, size))
        alive = alive.gather(1, staying)
        left -= removing
    loss = _unit_losses(inverse, weights, size)
    order = loss.argsort(dim=1)
    ranks.scatter_(1, alive.gather(1, order), given + 1.0 + torch.arange(left).expand(count, -1))
    costs.scatter_(1, alive.gather(1, order), loss.gather(1, order).maximum(highest))
    return ranks, costs


def _start(moments: Moments, index: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse second moments and refitted weights of each band's columns."""
    count, wide = index.shape
    columns = moments.gram.shape[1]
    real = index < columns
    safe = torch.where(real, index, torch.zeros((), dtype=torch.int64))
    one = bool((index == index[:1]).all())
    part = safe[:1] if one else safe
    gram = moments.gram[0][part.unsqueeze(2), part.unsqueeze(1)]
    both = real[: len(part)].unsqueeze(2) & real[: len(part)].unsqueeze(1)
    gram = torch.where(both, gram, torch.zeros(()))
    gram.diagonal(dim1=1, dim2=2).add_((~real[: len(part)]).float())
    inverse = torch.cholesky_inverse(factorise(gram)).expand(count, wide, wide)
    right = cross.gather(1, safe.unsqueeze(2).expand(-1, -1, cross.shape[2])) * real.unsqueeze(2)
    return inverse, inverse @ right


def _spread(units: Tensor, size: int) -> Tensor:
    """Columns of units that lie next to each other: (bands, n) to (bands, n x size)."""
    return (units.unsqueeze(2) * size + torch.arange(size)).flatten(1)


def _unit_losses(inverse: Tensor, weights: Tensor, size: int) -> Tensor:
    """Cost of removing each unit by itself: (bands, units)."""
    count, wide, band = weights.shape
    if size == 1:
        return (weights**2).sum(2) / inverse.diagonal(dim1=1, dim2=2)
    units = wide // size
    blocks = inverse.view(count, units, size, units, size)
    blocks = blocks.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)
    grouped = weights.reshape(count, units, size, band)
    losses: Tensor = (grouped * torch.linalg.solve(blocks, grouped)).sum(dim=(2, 3))
    return losses


def _remove(
    inverse: Tensor, weights: Tensor, gone: Tensor, staying: Tensor
) -> tuple[Tensor, Tensor]:
    """Inverse and weights of the staying columns after the others have been removed."""
    band = weights.shape[2]
    rows = torch.arange(len(gone)).view(-1, 1, 1)
    across = inverse[rows, gone.unsqueeze(2), staying.unsqueeze(1)]  # (bands, gone, staying)
    factor = factorise(inverse[rows, gone.unsqueeze(2), gone.unsqueeze(1)])
    lost = weights.gather(1, gone.unsqueeze(2).expand(-1, -1, band))
    kept = weights.gather(1, staying.unsqueeze(2).expand(-1, -1, band))
    reached = torch.cholesky_solve(across, factor)
    rest = inverse[rows, staying.unsqueeze(2), staying.unsqueeze(1)]
    return (
        torch.baddbmm(rest, across.transpose(1, 2), reached, alpha=-1),
        torch.baddbmm(kept, reached.transpose(1, 2), lost, alpha=-1),
    )


def _to_numpy(scores: Tensor) -> FloatArray:
    return scores.contiguous().numpy()
