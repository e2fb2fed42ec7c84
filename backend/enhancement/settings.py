"""What a study does: methods, effort and seed, as one value that caches can key on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from backend.enhancement.errors import EnhancementError

METHOD_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "guided": "Guided back-propagation",
        "integrated": "Integrated gradients",
        "inversion": "Feature inversion",
    }
)
METHOD_NAMES = tuple(METHOD_TITLES)

LEAST_STEPS = 50
STEPS, MOST_STEPS, TOLERANCE = 50, 400, 0.01
ITERATIONS = 120


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
            what = f"there is no method {unknown[0]!r}" if unknown else "no method was named"
            msg = f"{what}; take {', '.join(METHOD_NAMES)}"
            raise EnhancementError(msg)
        if not LEAST_STEPS <= self.steps <= self.most_steps:
            msg = (
                f"steps is {self.steps}: integrated gradients take at least {LEAST_STEPS} and at "
                f"most most_steps ({self.most_steps})"
            )
            raise EnhancementError(msg)
        if min(self.iterations, self.inversions, self.shown) < 1 or not 0 < self.tolerance < 1:
            msg = "iterations, inversions and shown are at least 1, tolerance lies between 0 and 1"
            raise EnhancementError(msg)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> StudySettings:
        """Read what `to_json` wrote.

        Raises:
            EnhancementError: a field is unknown or impossible.
        """
        try:
            return cls(**{**fields, "methods": tuple(fields.get("methods", METHOD_NAMES))})
        except TypeError as error:
            msg = f"these are no settings of a study: {error}"
            raise EnhancementError(msg) from None

    def to_json(self) -> dict[str, Any]:
        """All fields as a JSON object."""
        return {**asdict(self), "methods": list(self.methods)}
