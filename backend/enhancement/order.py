"""What somebody asks of a study, as a value that a job's payload can hold; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from backend.enhancement.errors import EnhancementError
from backend.enhancement.settings import StudySettings

SAMPLE_NET = "resnet20-sample"


@dataclass(frozen=True)
class PruneOrder:
    """How to prune every layer that the scheme can prune; the rest stays dense.

    Attributes:
        scheme: a row of `backend.sparsity.schemes.SCHEMES`.
        rate: dense weights divided by kept ones, of each pruned layer.
        patterns: a shipped pattern set.
        epochs: of fine-tuning of both nets alike; 0 leaves the repaired net as it is.
        seed: of fine-tuning.
    """

    scheme: str = "pattern"
    rate: float = 2.25
    patterns: str = "natural-8"
    epochs: int = 0
    seed: int = 0

    @property
    def title(self) -> str:
        """In words, such as `pattern 2.25x (natural-8), repaired`."""
        which = f" ({self.patterns})" if self.scheme == "pattern" else ""
        epochs = f", {self.epochs} epoch{'s' * (self.epochs != 1)}" if self.epochs else ""
        return f"{self.scheme} {self.rate:g}x{which}, repaired{epochs}"


@dataclass(frozen=True)
class StudyOrder:
    """Two nets and where their pictures come from.

    Attributes:
        dense: a net as `backend.services.nets.open_net` knows it.
        pruned: the same for the pruned net; empty prunes the dense one on the spot.
        data: a data set whose test images are looked at and whose training images repair; empty
            where only a user's own pictures are.
        count: test images, 0 for a user's own pictures alone.
        prune: how to prune on the spot.
        settings: of the study.
    """

    dense: str = SAMPLE_NET
    pruned: str = ""
    data: str = "sample"
    count: int = 100
    prune: PruneOrder = field(default_factory=PruneOrder)
    settings: StudySettings = field(default_factory=StudySettings)

    def __post_init__(self) -> None:
        if self.count < 0:
            msg = f"the number of test images is {self.count}: take 0 or more"
            raise EnhancementError(msg)
        if not self.data and (self.count or not self.pruned):
            msg = "name a data set: test images or pruning on the spot need one"
            raise EnhancementError(msg)

    @property
    def pruned_title(self) -> str:
        """The pruned net in words."""
        return self.pruned or self.prune.title

    def to_json(self) -> dict[str, Any]:
        """All fields as a JSON object."""
        return {**asdict(self), "settings": self.settings.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> StudyOrder:
        """Read what `to_json` wrote.

        Raises:
            EnhancementError: a field is unknown or impossible.
        """
        try:
            prune = PruneOrder(**fields.get("prune", {}))
            settings = StudySettings.from_json(fields.get("settings", {}))
            return cls(**{**fields, "prune": prune, "settings": settings})
        except TypeError as error:
            msg = f"this is no order of a study: {error}"
            raise EnhancementError(msg) from None
