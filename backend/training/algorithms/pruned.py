"""What a pruning algorithm gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.sparsity.patterns import PatternSet
from codegen.ir.graph import Graph


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned and trained graph, and how it came about.

    Attributes:
        graph: with the masks of the candidate's layers.
        history: plain JSON: `algorithm`, `trainings` (name, epochs, images and what each epoch
            said), `repair` (what was done to each layer) and, of ADMM, `updates`: one entry a
            projection, with rho, loss and the residuals of every layer.
        library: patterns that were learnt in place of the plan's sets, or None.
    """

    graph: Graph
    history: Mapping[str, Any] = field(default_factory=dict)
    library: PatternSet | None = None
