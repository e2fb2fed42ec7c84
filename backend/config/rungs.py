"""Fidelities of an evaluation: from a stitched candidate to several epochs of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

STITCHED: Literal["stitched"] = "stitched"
REPAIRED: Literal["repaired"] = "repaired"
TRAINED = "trained"


class Trained(BaseModel):
    """A rung of training: passes over so many images."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(ge=1, le=1000)
    images: int = Field(ge=1, le=10_000_000)

    @property
    def label(self) -> str:
        """Such as `2 epochs x 4,000 images`."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return f"{epochs} x {self.images:,} images"


def _readable(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Refuse what is no rung with one sentence; a mapping's keys are checked behind this."""
    if isinstance(value, Trained) or value in (STITCHED, REPAIRED):
        return value
    if isinstance(value, dict) and set(value) == {"epochs", "images"}:
        return Trained.model_validate(value)
    msg = f"a rung is stitched, repaired or {{epochs: 2, images: 4000}}, not {value!r}"
    raise ValueError(msg)


Rung = Annotated[Literal["stitched", "repaired"] | Trained, BeforeValidator(_readable)]
"""`stitched`: put together from stored layers; `repaired`: masks and refit in one walk over the
net, no training; else so many epochs over so many images, from the repaired net."""


def kind_of(rung: Rung) -> str:
    """`STITCHED`, `REPAIRED` or `TRAINED`."""
    return TRAINED if isinstance(rung, Trained) else rung


def label_of(rung: Rung) -> str:
    """What people call a rung."""
    return rung.label if isinstance(rung, Trained) else rung


def why_not_rising(rungs: Sequence[Rung]) -> str | None:
    """Why rungs are not each dearer than the one before, in words, or None where they are."""
    costs = [_cost(rung) for rung in rungs]
    for before, after in zip(range(len(rungs)), range(1, len(rungs)), strict=False):
        if costs[before] >= costs[after]:
            return (
                f"each rung has to cost more than the one before: {label_of(rungs[after])!r} "
                f"stands behind {label_of(rungs[before])!r}"
            )
    return None


def _cost(rung: Rung) -> int:
    if isinstance(rung, Trained):
        return rung.epochs * rung.images
    return -2 if rung == STITCHED else -1
