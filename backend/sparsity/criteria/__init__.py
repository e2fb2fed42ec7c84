"""What a weight is worth: criteria by which masks are chosen, one file each, one line here."""

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.criteria.geometric_median import GeometricMedian
from backend.sparsity.criteria.magnitude import Magnitude
from backend.sparsity.criteria.obs import BrainSurgeon
from backend.sparsity.criteria.snip import Snip
from backend.sparsity.criteria.taylor import Taylor
from codegen.errors import PlanError

__all__ = ["CRITERIA", "Criterion", "Evidence", "criterion_of"]

CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        BrainSurgeon(),
        Magnitude(),
        Taylor(),
        Snip(),
        GeometricMedian(),
    )
}


def criterion_of(name: str) -> Criterion:
    """A criterion by its name.

    Raises:
        PlanError: there is none of that name.
    """
    if name not in CRITERIA:
        msg = f"there is no criterion {name!r}; take one of {', '.join(CRITERIA)}"
        raise PlanError(msg)
    return CRITERIA[name]
