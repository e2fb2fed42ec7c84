"""What is known of a layer when its mask is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.sparsity.schemes.structure import FloatArray, Structure

if TYPE_CHECKING:
    from backend.sparsity.moments import Moments


@dataclass(frozen=True, eq=False)
class Evidence:
    """One layer as a matrix.

    Attributes:
        weight: (filters, columns).
        structure: what stays or goes together.
        rate: asked for.
        slopes: weight times gradient of the loss in each batch, (batches, filters, columns); None
            where no gradients were measured.
        moments: second moments of the layer inside the repair pass; None outside of it.
    """

    weight: FloatArray
    structure: Structure
    rate: float
    slopes: FloatArray | None = None
    moments: Moments | None = None

    @property
    def bands(self) -> int:
        """Bands of filters."""
        return -(-len(self.weight) // self.structure.band)
