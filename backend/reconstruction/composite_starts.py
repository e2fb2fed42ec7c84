"""Weights that filter types start a repair with: fitted to the layer instead of factorised."""

from __future__ import annotations

from backend.reconstruction.reconstruct import KEEP, Reconstructor
from backend.sparsity.candidate import Candidate, LayerChoice
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight


def composite_starts(
    graph: Graph, candidate: Candidate, reconstructor: Reconstructor
) -> dict[str, Weight]:
    """Unpruned weights of the convolutions in the places of a candidate's layers, by key.

    The repair chooses masks and intercepts itself, so neither is given.

    Args:
        graph: the dense net.
        candidate: with filter types or without.
        reconstructor: of the dense net.

    Raises:
        PlanError: a filter type does not fit its layer.
    """
    found: dict[str, Weight] = {}
    for name, choice in candidate.choices:
        if choice.filter_type == KEEP:
            continue
        made = reconstructor.get(name, LayerChoice(filter_type=choice.filter_type))
        for key, weight in made.weights.items():
            old = graph.weights.get(key)
            if old is None or old.values.shape != weight.values.shape:
                found[key] = weight
    return found
