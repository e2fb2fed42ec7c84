"""Choices of a layer made into the operators that best reproduce the dense layer's output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backend.models.filter_types import replace_filter_types
from backend.reconstruction.composite import Composite, fit_composite
from backend.reconstruction.layer_moments import LayerMoments, why_not_fitted
from backend.reconstruction.store import LayerStore, Reconstruction
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.criteria import Evidence, criterion_of
from backend.sparsity.follower import absorber
from backend.sparsity.least_squares import intercept, relative_error, solve_kept
from backend.sparsity.moments import Moments
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, pruned_layers
from backend.sparsity.repair import shared_band
from backend.sparsity.schemes.structure import BoolArray
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight

KEEP = "keep"


class Reconstructor:
    """Fills a store for one dense net.

    Args:
        graph: the dense net.
        store: where results go, and where those of others are found.
        moments: of its layers; kept as an attribute.
        pattern_sets: by name; the shipped ones when not given.
    """

    def __init__(
        self,
        graph: Graph,
        store: LayerStore,
        moments: LayerMoments,
        pattern_sets: Mapping[str, PatternSet] | None = None,
    ) -> None:
        self._graph = graph
        self._store = store
        self.moments = moments
        self._sets = pattern_sets
        self._composites: dict[tuple[str, str], Composite] = {}

    def layer(
        self,
        name: str,
        choices: Iterable[LayerChoice],
        *,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Reconstruct the choices of a layer that are not stored yet, and count them.

        Raises:
            PlanError: a choice does not fit the layer.
            StorageError: the store cannot be written.
        """
        made = 0
        for choice in choices:
            if choice.is_dense or self._store.has(name, choice.label):
                continue
            self.get(name, choice)
            made += 1
            on_progress(made)
        return made

    def get(self, name: str, choice: LayerChoice) -> Reconstruction:
        """One choice of one layer, stored or made now.

        Raises:
            PlanError: the choice does not fit the layer.
        """
        if choice.is_dense:
            return Reconstruction(name, choice.label)
        found = self._store.get(name, choice.label)
        if found is None:
            self.moments.of(name)  # one walk serves all layers: its time is no choice's own
            begun = time.process_time()
            found = self._made(name, choice)
            found = replace(found, seconds=round(time.process_time() - begun, 4))
            self._store.put(found)
        return found

    def _made(self, name: str, choice: LayerChoice) -> Reconstruction:
        if choice.filter_type == KEEP:
            return self._pruned(name, choice)
        return self._replaced(name, choice)

    def _pruned(self, name: str, choice: LayerChoice) -> Reconstruction:
        layers = pruned_layers(self._graph, Candidate.of({name: choice}), self._sets)
        layer = next(layer for layer in layers if layer.node.name == name)
        moments = self.moments.of(name)
        energy = np.square(layer.weight, dtype=np.float64)
        if moments is None:
            mask = layer.mask()
            gone = _share(energy, mask)
            note = f"masked by magnitude and not refitted: {why_not_fitted(layer.node)}"
            weights = {layer.key: Weight(layer.weight, mask)}
            return Reconstruction(name, choice.label, weights, gone, gone, note=note)
        mask, note = mask_of(layer, moments)
        weights, error = solved_layer(self._graph, layer, moments, mask)
        gone = _share(energy, mask)
        return Reconstruction(name, choice.label, weights, error, gone, note=note)

    def _replaced(self, name: str, choice: LayerChoice) -> Reconstruction:
        graph, parts = replace_filter_types(
            self._graph, Candidate.of({name: choice}), pattern_sets=self._sets
        )
        key = (name, choice.filter_type)
        moments = self.moments.of(name)
        if key not in self._composites:
            self._composites[key] = fit_composite(self._graph, graph, name, moments)
        return self._composites[key].pruned(choice.label, parts, self._sets)


def mask_of(layer: PrunedLayer, moments: Moments) -> tuple[BoolArray, str]:
    """Mask by the optimal-brain-surgeon score, and a note where magnitude had to do."""
    if layer.choice.scheme == "dense" or (layer.allowed is not None and layer.scheme.is_joint):
        return layer.mask(), ""
    weight = layer.weight.reshape(len(layer.weight), -1)
    evidence = Evidence(weight, layer.structure, layer.choice.rate, None, moments)
    scores = criterion_of("obs").scores(evidence)
    if scores is None:
        return layer.mask(), "masked by magnitude"
    return layer.mask_from_scores(scores), ""


def solved_layer(
    graph: Graph, layer: PrunedLayer, moments: Moments, mask: BoolArray
) -> tuple[dict[str, Weight], float]:
    """Refitted weights of a masked layer by key, with what takes its intercept, and its error."""
    flat = torch.from_numpy(np.ascontiguousarray(mask)).view(len(mask), -1)
    solved = solve_kept(moments, flat, shared_band(flat, layer))
    weights = {layer.key: Weight(solved.view(mask.shape).numpy(), mask)}
    weights |= shifted(graph, layer.node, intercept(moments, solved))
    return weights, relative_error(moments, solved)


def shifted(graph: Graph, node: Node, shift: Tensor) -> dict[str, Weight]:
    """What takes a layer's intercept (filters,), by key; empty where nothing can."""
    taker = absorber(graph, node)
    if taker is None:
        return {}
    key, sign = taker
    values = shift.numpy() if sign > 0 else graph.weights[key].values - shift.numpy()
    return {key: Weight(values)}


def _share(energy: np.ndarray, mask: BoolArray) -> float:
    return float(energy[~mask].sum()) / (float(energy.sum()) or 1.0)
