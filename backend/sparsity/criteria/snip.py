"""Connection sensitivity: how the loss answers to a unit's mask."""

from __future__ import annotations

import numpy as np

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray, Structure, sum_bands


class Snip(Criterion):
    """Mean over batches of |dL/dm| (Lee et al., SNIP, ICLR 2019, equation 5).

    A unit that stays or goes together has one mask m, so its weights' w g are summed before the
    magnitude is taken. Deviations: several batches where the paper takes one, and a trained net
    instead of a fresh one. Where each kernel still chooses its pattern, a mask is that of one
    position in all filters of a band.
    """

    name = "snip"
    title = "SNIP"
    says = "Keeps units to whose mask the loss is most sensitive."
    needs = "gradients"

    def scores(self, evidence: Evidence) -> FloatArray | None:
        """Each unit's sensitivity, shared out evenly over its columns."""
        if evidence.slopes is None:
            return None
        total: FloatArray | None = None
        for slopes in evidence.slopes:
            found = np.abs(
                _of_masks(sum_bands(slopes, evidence.structure.band), evidence.structure)
            )
            total = found if total is None else total + found
        return None if total is None else (total / len(evidence.slopes)).astype(np.float32)


def _of_masks(slopes: FloatArray, structure: Structure) -> FloatArray:
    """Derivative by each column's mask, as a share of its unit's: (bands, columns)."""
    if structure.alternatives is not None:
        return slopes
    units = structure.units
    summed = np.zeros((structure.unit_count, len(slopes)), np.float32)
    np.add.at(summed, units, slopes.T)
    sizes = np.bincount(units, minlength=structure.unit_count)
    return np.asarray((summed / sizes[:, None])[units].T)
