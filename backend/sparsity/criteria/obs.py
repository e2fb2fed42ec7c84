"""Optimal Brain Surgeon, from the moments that the repair pass has at hand."""

from __future__ import annotations

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray


class BrainSurgeon(Criterion):
    """The error that is left after the rest has been refitted: `backend.sparsity.obs`."""

    name = "obs"
    title = "Optimal Brain Surgeon"
    says = "Removes what the rest of the layer can make up for; chosen inside the repair."
    needs = "moments"

    def scores(self, evidence: Evidence) -> FloatArray | None:
        """Ranks of removal; None outside the repair and where `obs_scores` cannot."""
        if evidence.moments is None:
            return None
        from backend.sparsity.obs import obs_scores  # torch

        return obs_scores(evidence.moments, evidence.structure, len(evidence.weight), evidence.rate)
