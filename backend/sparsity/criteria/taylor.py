"""First-order change of the loss, weight by weight."""

from __future__ import annotations

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray, sum_bands


class Taylor(Criterion):
    """Sum over batches and weights of |w g| (Molchanov et al., ICLR 2017, equation 8).

    Deviation: there feature maps are scored, here weights, so that every scheme can use it.
    """

    name = "taylor"
    title = "Taylor"
    says = "Keeps weights whose removal changes the loss most, to first order."
    needs = "gradients"

    def scores(self, evidence: Evidence) -> FloatArray | None:
        """Magnitudes inside the sums, so that weights of a unit cannot cancel each other."""
        if evidence.slopes is None:
            return None
        return sum_bands(abs(evidence.slopes).sum(axis=0), evidence.structure.band)
