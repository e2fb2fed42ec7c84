"""A whole candidate put together from stored layers: repaired, without a repair of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from backend.models.filter_types import replace_filter_types
from backend.reconstruction.layer_moments import LayerMoments
from backend.reconstruction.reconstruct import KEEP, Reconstructor, mask_of, solved_layer
from backend.reconstruction.store import LayerStore
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, pruned_layers
from backend.sparsity.schemes import SCHEMES
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight


def stitch(
    graph: Graph,
    candidate: Candidate,
    store: LayerStore,
    images: Tensor,
    *,
    pattern_sets: Mapping[str, PatternSet] | None = None,
    reconstructor: Reconstructor | None = None,
) -> Graph:
    """Assemble a candidate from the store and measure its batch norm anew.

    As SPDY's database does it (Frantar and Alistarh, ICML 2022): every layer was fitted to the
    dense net's inputs, so errors add up where a sequential repair would make up for them. What is
    not stored is made now and stored. Layers that lose filters, or read those of others, depend on
    each other: they are solved here, from the stored moments.

    Args:
        graph: the dense net.
        candidate: what to do with its layers, filter types included.
        store: of this net.
        images: normalised calibration images, float (n, c, h, w).
        pattern_sets: by name; the shipped ones when not given.
        reconstructor: over the same store, where a caller keeps one between candidates.

    Raises:
        PlanError: the candidate does not fit the net.
    """
    if reconstructor is None:
        known = LayerMoments(graph, store, lambda: images)
        reconstructor = Reconstructor(graph, store, known, pattern_sets)
    whole, parts = graph, candidate
    composites: dict[str, Weight] = {}
    changed: dict[str, Weight] = {}
    for name, choice in candidate.choices:
        if choice.filter_type != KEEP:
            composites |= reconstructor.get(name, choice).weights
        elif not SCHEMES[choice.scheme].is_joint:
            changed |= reconstructor.get(name, choice).weights
    if composites or any(choice.filter_type != KEEP for _, choice in candidate.choices):
        whole, parts = replace_filter_types(
            graph, candidate, pattern_sets=pattern_sets, start=False
        )
        whole = whole.with_weights(composites)
    if any(SCHEMES[choice.scheme].is_joint for _, choice in parts.choices):
        for layer in pruned_layers(whole, parts, pattern_sets):
            if layer.allowed is not None:
                changed |= _joint(graph, whole, layer, reconstructor.moments, changed)
    return reestimate_batch_norm(whole.with_weights(changed), images)


def _joint(
    graph: Graph,
    whole: Graph,
    layer: PrunedLayer,
    moments: LayerMoments,
    stored: Mapping[str, Weight],
) -> dict[str, Weight]:
    """A layer that loses filters, or channels with the filters of another."""
    found = None
    if layer.node.name in graph.by_name:
        dense = graph.weight(graph.by_name[layer.node.name], "weight")
        if dense is not None and dense.values.shape == layer.weight.shape:
            found = moments.of(layer.node.name)
    if found is None:
        known = stored.get(layer.key)
        known = known or whole.weights[layer.key]
        mask = layer.mask() if known.mask is None else known.mask
        assert layer.allowed is not None
        return {layer.key: Weight(known.values, np.asarray(mask & layer.allowed))}
    mask, _ = mask_of(layer, found)
    weights, _ = solved_layer(whole, layer, found, mask)
    return weights
