"""Label-free recovery of one-shot pruning: layer after layer, the kept weights are refitted.

Each layer's kept weights are solved by least squares so that, fed by the already pruned and
repaired layers before it, it makes what the dense net makes there; a bias or the mean of the batch
norm behind takes the intercept. Masks are chosen in the same pass (`backend.sparsity.obs`). Related
work: AdaPrune and OBC (Frantar and Alistarh, NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from backend.sparsity.calibration import Calibration, calibrate, gather_columns
from backend.sparsity.candidate import Candidate
from backend.sparsity.least_squares import Moments, intercept, measure_moments, solve_kept
from backend.sparsity.obs import obs_scores
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, prunable_layers, pruned_layers
from backend.sparsity.run import Run
from backend.sparsity.schemes.structure import BoolArray
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight

Selection = Literal["obs", "magnitude"]


def repair(
    graph: Graph,
    candidate: Candidate,
    images: Tensor | None = None,
    *,
    select: Selection = "obs",
    pattern_sets: Mapping[str, PatternSet] | None = None,
    calibration: Calibration | None = None,
) -> Graph:
    """Prune a dense graph by a candidate and refit what stays.

    Args:
        graph: the dense graph.
        candidate: what to prune.
        images: about 512 normalised images, float (n, c, h, w); their labels are not needed.
        select: how masks are chosen.
        pattern_sets: by name; the shipped ones when not given.
        calibration: of this graph, in place of `images`, where many candidates are repaired.

    Raises:
        PlanError: the candidate does not fit the graph.
    """
    layers = {layer.node.name: layer for layer in pruned_layers(graph, candidate, pattern_sets)}
    if not layers:
        return graph
    if calibration is None:
        if images is None:
            msg = "repair needs images or a calibration"
            raise ValueError(msg)
        calibration = calibrate(graph, images)
    return _Pass(calibration, layers, select).run()


class _Pass:
    """One walk over the graph with the weights changing under way."""

    def __init__(
        self, calibration: Calibration, layers: Mapping[str, PrunedLayer], select: Selection
    ) -> None:
        self._calibration = calibration
        self._graph = calibration.graph
        self._layers = layers
        self._select = select
        self._run = Run(self._graph, calibration.images)
        self._masks: dict[str, BoolArray] = {}
        self._refitted = {node.name for node in prunable_layers(self._graph)}
        self._changed: set[str] = set()  # values that differ from the dense net's

    def run(self) -> Graph:
        """Walk to the last layer and return the new graph."""
        for node in self._run.nodes():
            moved = any(source in self._changed for source in node.inputs)
            layer = self._layers.get(node.name)
            if layer is not None or (moved and node.name in self._refitted):
                self._refit(node, layer)
            if moved or layer is not None:
                self._changed.add(node.name)
        changed = {}
        for key, old in self._graph.weights.items():
            mask = self._masks.get(key, old.mask)
            changed[key] = Weight(self._run.weights[key].numpy(), mask)
        return self._graph.with_weights(changed)

    def _refit(self, node: Node, layer: PrunedLayer | None) -> None:
        key = node.weights["weight"]
        weight = self._run.weights[key]
        if len(node.inputs) > 1 or node.text("activation") != "none":
            # what the dense net made before a fused activation is not known: magnitude alone
            if layer is not None:
                mask = layer.mask()
                self._masks[key] = mask
                self._run.weights[key] = weight * torch.from_numpy(mask)
            return
        absorber = _absorber(self._graph, node)
        moments = self._moments(node, weight, centred=absorber is not None)
        if layer is not None:
            mask = self._choose(layer, moments)
            self._masks[key] = mask
        else:
            old = self._graph.weights[key].mask
            mask = np.ones(weight.shape, dtype=bool) if old is None else old
        flat = torch.from_numpy(np.ascontiguousarray(mask)).view(len(weight), -1)
        solved = solve_kept(moments, flat, _shared_band(flat, layer))
        self._run.weights[key] = solved.view_as(weight)
        if absorber is not None:
            taker, sign = absorber
            shift = intercept(moments, solved)
            stored = self._run.weights[taker]
            self._run.weights[taker] = shift if sign > 0 else stored - shift
            # a convolution with a bias made its target with it: the intercept holds all of it

    def _moments(self, node: Node, weight: Tensor, *, centred: bool) -> Moments:
        x = self._run.values[node.inputs[0]]
        target = self._calibration.targets[node.name]
        if node.op == "conv":
            kernel = (weight.shape[2], weight.shape[3])
            at = self._calibration.positions[node.name]
            columns = gather_columns(x, node, kernel, at)
        else:
            columns = x.unsqueeze(0)
        return measure_moments(columns, target, weight.flatten(1), centred=centred)

    def _choose(self, layer: PrunedLayer, moments: Moments) -> BoolArray:
        if self._select == "obs" and not layer.scheme.is_joint:
            filters = len(layer.weight)
            scores = obs_scores(moments, layer.structure, filters, layer.choice.rate)
            if scores is not None:
                return layer.mask_from_scores(scores)
        return layer.mask()


def _shared_band(mask: Tensor, layer: PrunedLayer | None) -> int:
    """Filters that share a support, so that one factorisation does for all of them."""
    if bool((mask == mask.any(1, keepdim=True) & mask.any(0)).all()):
        return len(mask)  # all filters that are left read the same columns
    return 1 if layer is None else layer.structure.band


def _absorber(graph: Graph, node: Node) -> tuple[str, int] | None:
    """Weight key that takes a filter's intercept and its sign, or None where nothing can.

    A bias takes it whole (1); the mean of a batch norm that alone reads the layer is moved against
    it (-1).
    """
    if "bias" in node.weights:
        return node.weights["bias"], 1
    users = graph.users[node.name]
    if len(users) == 1 and users[0].op == "batch_norm" and node.name not in graph.outputs:
        return users[0].weights["mean"], -1
    return None
