"""Squared weights."""

from __future__ import annotations

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray, sum_bands


class Magnitude(Criterion):
    """L2 norm of each unit: the papers' choice, and what `Scheme.mask` takes."""

    name = "magnitude"
    title = "Magnitude"
    says = "Keeps the largest weights. Needs no images."

    def scores(self, evidence: Evidence) -> FloatArray:
        """Squared weights summed over each band's filters."""
        return sum_bands(evidence.weight**2, evidence.structure.band)
