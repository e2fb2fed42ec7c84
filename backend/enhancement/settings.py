"""What a study does: methods, effort and seed, as one value that caches can key on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from backend.enhancement.errors import EnhancementError
from backend.enhancement.feature_inversion import ITERATIONS
from backend.enhancement.integrated_gradients import MOST_STEPS, STEPS, TOLERANCE

METHOD_NAMES = ("guided", "integrated", "inversion")
LEAST_STEPS = 50


@dataclass(frozen=True)
class StudySettings:
    """How a study looks at two nets.

    Attributes:
        methods: names of `METHOD_NAMES`, in the order of the report.
        steps: intervals of an integrated gradient's path to begin with, at least 50.
        most_steps: intervals at which completeness is given up.
        tolerance: relative gap of completeness that is good enough.
        layer: where features are inverted; empty takes one a third of the way through.
        iterations: steps of Adam of an inversion.
        inversions: pictures that are inverted, the first ones: an inversion costs as much as two
            integrated gradients.
        shown: pictures that are kept for looking at, the first ones.
        faithfulness: whether deletion and insertion are measured.
        seed: of noise and bootstrap.
    """

    methods: tuple[str, ...] = METHOD_NAMES
    steps: int = STEPS
    most_steps: int = MOST_STEPS
    tolerance: float = TOLERANCE
    layer: str = ""
    iterations: int = ITERATIONS
    inversions: int = 8
    shown: int = 8
    faithfulness: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        unknown = [name for name in self.methods if name not in METHOD_NAMES]
        if unknown or not self.methods:
            msg = f"there is no method {unknown[:1] or 'at all'}; take {', '.join(METHOD_NAMES)}"
            raise EnhancementError(msg.replace("['", "'").replace("']", "'"))
        if not LEAST_STEPS <= self.steps <= self.most_steps:
            msg = (
                f"steps is {self.steps}: integrated gradients take at least {LEAST_STEPS} and at "
                f"most most_steps ({self.most_steps})"
            )
            raise EnhancementError(msg)
        if min(self.iterations, self.inversions, self.shown) < 1 or not 0 < self.tolerance < 1:
            msg = "iterations, inversions and shown are at least 1, tolerance lies between 0 and 1"
            raise EnhancementError(msg)

    def to_json(self) -> dict[str, Any]:
        """All fields as a JSON object."""
        return {**asdict(self), "methods": list(self.methods)}
