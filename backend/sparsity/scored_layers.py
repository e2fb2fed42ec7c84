"""Masks by any criterion where nothing is refitted, and scores of filters that go together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.sparsity.criteria import Criterion, Evidence
from backend.sparsity.prune import PrunedLayer
from backend.sparsity.schemes.structure import FloatArray


def filter_scores(
    layers: Iterable[PrunedLayer], criterion: Criterion, slopes: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Scores of the filters of layers that lose whole ones, for `pruned_layers`: (filters,) each.

    Empty where the criterion knows no more than the magnitude that `pruned_layers` takes anyway.
    """
    if criterion.name == "magnitude" or criterion.needs == "moments":
        return {}
    found = {}
    for layer in layers:
        if not layer.scheme.is_joint:
            continue
        weight = layer.weight.reshape(len(layer.weight), -1)
        slope = slopes.get(layer.node.name)
        scores = criterion.scores(Evidence(weight, layer.structure, layer.choice.rate, slope))
        if scores is not None:
            found[layer.node.name] = scores.mean(axis=1)
    return found
