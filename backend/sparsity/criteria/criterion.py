"""The contract of a pruning criterion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray

Needs = Literal["weights", "gradients", "moments"]


class Criterion(ABC):
    """Scores the columns of a layer for `Scheme.mask_from_scores`: the highest stay.

    It keeps no state, and equal evidence gives equal scores. Needs no torch to be imported.

    Attributes:
        name: what plans and configurations call it.
        title: what people call it.
        says: one sentence for a person who has to choose.
        needs: what of the evidence it reads beside weights. "moments" are known only inside the
            repair pass.
    """

    name: str
    title: str
    says: str
    needs: Needs = "weights"

    @abstractmethod
    def scores(self, evidence: Evidence) -> FloatArray | None:
        """Scores of each band's columns, summed over its filters, (bands, columns), at least 0.

        None where the criterion cannot judge the layer; magnitude then has to do.
        """
