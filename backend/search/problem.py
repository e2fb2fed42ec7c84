"""What a sampler may know before the first trial: the space and two tables over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.latency.model import LatencyModel
from backend.search.front import Limits
from backend.search.space import Space

Table = Mapping[str, Mapping[str, float]]
"""Layer name to label to number."""


@dataclass(frozen=True)
class Problem:
    """A search as a sampler sees it.

    Attributes:
        space: menus of the searched layers.
        damage: share of a layer's weight energy that a choice removes (0 for dense).
        cost: guessed milliseconds of a layer under a choice, before anything is measured.
        budget: number of trials the search may spend, or a guess where only time is limited.
        dense_accuracy: of the baseline, a fraction.
        dense_layer_ms: measured time of each layer of the dense net; may be empty.
        limits: what a candidate has to keep to stand on the front.
        latency: predicted milliseconds of candidates; `latency.after(seen)` has learnt from
            finished trials as well. None where a problem has no net behind it.
        dense_cross_entropy: of the baseline on the validation images; None: not known.
        reference_accuracy: accuracy below which a candidate counts for nothing; None: the
            sampler's own guess.
        edges: pairs of searched layers of which one feeds the other; empty where nobody said.
    """

    space: Space
    damage: Table
    cost: Table
    budget: int = 24
    dense_accuracy: float = 1.0
    dense_latency_ms: float = 1.0
    dense_layer_ms: Mapping[str, float] = field(default_factory=dict)
    limits: Limits = Limits()
    latency: LatencyModel | None = None
    dense_cross_entropy: float | None = None
    reference_accuracy: float | None = None
    edges: tuple[tuple[str, str], ...] = ()
