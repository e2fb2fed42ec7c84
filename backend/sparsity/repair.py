"""Label-free recovery of one-shot pruning: layer after layer, the kept weights are refitted.

Each layer's kept weights are solved by least squares so that, fed by the already pruned and
repaired layers before it, it makes what the dense net makes there (`backend.sparsity.aim`); a bias
or the mean of the batch norm behind takes the intercept. Masks are chosen in the same pass. Related
work: AdaPrune and OBC (Frantar and Alistarh, NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.sparsity.aim import aim_of
from backend.sparsity.calibration import Calibration, at_positions, calibrate
from backend.sparsity.candidate import Candidate
from backend.sparsity.criteria import Criterion, Evidence, criterion_of
from backend.sparsity.follower import absorber, follower
from backend.sparsity.layer_fit import LayerFit
from backend.sparsity.least_squares import relative_error
from backend.sparsity.moments import Moments
from backend.sparsity.obs import why_no_obs
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, check_candidate, prunable_layers, pruned_layers
from backend.sparsity.replaced_calibration import replace_in_calibration
from backend.sparsity.run import Run
from backend.sparsity.schemes.structure import BoolArray, FloatArray
from backend.sparsity.scored_layers import filter_scores
from backend.sparsity.slopes import measure_slopes
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight


@dataclass(frozen=True)
class LayerRepair:
    """What the repair did to one layer.

    Attributes:
        name: of the layer.
        criterion: that chose its mask; None where it was refitted only.
        error: mean squared error of its outputs that is left on the calibration images, as a share
            of their variance; None where it could not be refitted.
        note: in words, what could not be done as asked; empty otherwise.
    """

    name: str
    criterion: str | None
    error: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Repaired:
    """A pruned and repaired graph, and what was done to each layer, in topological order."""

    graph: Graph
    layers: tuple[LayerRepair, ...] = ()


def repair(
    graph: Graph,
    candidate: Candidate,
    images: Tensor | None = None,
    *,
    select: str = "obs",
    pattern_sets: Mapping[str, PatternSet] | None = None,
    calibration: Calibration | None = None,
    labels: Tensor | None = None,
) -> Graph:
    """Prune a dense graph by a candidate and refit what stays: the graph of `repair_layers`."""
    return repair_layers(
        graph,
        candidate,
        images,
        select=select,
        pattern_sets=pattern_sets,
        calibration=calibration,
        labels=labels,
    ).graph


def repair_layers(
    graph: Graph,
    candidate: Candidate,
    images: Tensor | None = None,
    *,
    select: str = "obs",
    pattern_sets: Mapping[str, PatternSet] | None = None,
    calibration: Calibration | None = None,
    labels: Tensor | None = None,
) -> Repaired:
    """Prune a dense graph by a candidate and refit what stays, and tell what was done.

    Args:
        graph: the dense graph.
        candidate: what to prune; filter types are put in place before.
        images: about 512 normalised images, float (n, c, h, w).
        select: how masks are chosen, a row of `CRITERIA`.
        pattern_sets: by name; the shipped ones when not given.
        calibration: of this graph, in place of `images`, where many candidates are repaired.
        labels: classes of the images, for criteria of gradients alone: the refit never sees them.
            Without, these take classes drawn from the dense net's output.

    Raises:
        PlanError: the candidate does not fit the graph, or there is no such criterion.
        GraphError: a weight is not a number, or the images are of another size.
    """
    criterion = criterion_of(select)
    if not candidate.choices and (calibration is None or not calibration.started):
        return Repaired(graph)
    check_candidate(graph, candidate, pattern_sets)  # before the net runs
    if calibration is None:
        if images is None:
            msg = "repair needs images or a calibration"
            raise ValueError(msg)
        calibration = calibrate(graph, images)
    calibration, candidate = replace_in_calibration(calibration, candidate, pattern_sets)
    graph = calibration.graph
    layers = list(pruned_layers(graph, candidate, pattern_sets))
    slopes: Mapping[str, FloatArray] = {}
    if criterion.needs == "gradients":
        names = [layer.node.name for layer in layers]
        slopes = measure_slopes(graph, calibration.images, labels, layers=names)
    scores = filter_scores(layers, criterion, slopes)
    if scores:
        layers = list(pruned_layers(graph, candidate, pattern_sets, filter_scores=scores))
    by_name = {layer.node.name: layer for layer in layers}
    return _Pass(calibration, by_name, criterion, slopes).run()


class _Pass:
    """One walk over the graph with the weights changing under way."""

    def __init__(
        self,
        calibration: Calibration,
        layers: Mapping[str, PrunedLayer],
        criterion: Criterion,
        slopes: Mapping[str, FloatArray],
    ) -> None:
        self._calibration = calibration
        self._graph = calibration.graph
        self._layers = layers
        self._criterion = criterion
        self._slopes = slopes
        self._run = Run(self._graph, calibration.images)
        self._dense = {key: weight.values for key, weight in self._graph.weights.items()}
        self._masks: dict[str, BoolArray] = {}
        self._refitted = {node.name for node in prunable_layers(self._graph)}
        self._skipped = self._calibration.started - self._refitted
        self._changed: set[str] = set()  # values that differ from the dense net's
        self._told: list[LayerRepair] = []

    def run(self) -> Repaired:
        """Walk to the last layer and return the new graph."""
        for node in self._run.nodes():
            moved = any(source in self._changed for source in node.inputs)
            layer = self._layers.get(node.name)
            started = node.name in self._calibration.started
            if node.name in self._refitted and (layer is not None or moved or started):
                self._refit(node, layer)
            elif node.op == "batch_norm" and node.inputs[0] in self._skipped:
                self._standardise(node)
            if moved or layer is not None or started:
                self._changed.add(node.name)
        changed = {}
        for key, old in self._graph.weights.items():
            mask = self._masks.get(key, old.mask)
            changed[key] = Weight(self._run.weights[key].numpy(), mask)
        return Repaired(self._graph.with_weights(changed), tuple(self._told))

    def _refit(self, node: Node, layer: PrunedLayer | None) -> None:
        key = node.weights["weight"]
        weight = self._run.weights[key]
        if len(node.inputs) > 1 or node.text("activation") != "none":
            self._only_mask(node, layer)
            return
        taker = absorber(self._graph, node)
        fit = self._fit(node, weight, centred=taker is not None)
        used, note = None, ""
        if layer is not None:
            self._masks[key], used, note = self._choose(layer, fit.moments)
        mask = self._masks.get(key)
        if mask is None:
            old = self._graph.weights[key].mask
            mask = np.ones(weight.shape, dtype=bool) if old is None else old
        flat = torch.from_numpy(np.ascontiguousarray(mask)).view(len(weight), -1)
        solved, shift = fit.solve(flat, shared_band(flat, layer))
        self._told.append(LayerRepair(node.name, used, relative_error(fit.moments, solved), note))
        self._run.weights[key] = solved.view_as(weight)
        if taker is not None:
            holder, sign = taker
            stored = self._run.weights[holder]
            self._run.weights[holder] = shift if sign > 0 else stored - shift
            # a convolution with a bias made its target with it: the intercept holds all of it

    def _standardise(self, norm: Node) -> None:
        """New statistics of a batch norm whose layer was left out: it reads other values now."""
        x = self._run.values[norm.inputs[0]]
        axes = [0, *range(2, x.dim())]
        self._run.weights[norm.weights["mean"]] = x.mean(axes)
        self._run.weights[norm.weights["variance"]] = x.var(axes, correction=0)

    def _only_mask(self, node: Node, layer: PrunedLayer | None) -> None:
        """What the dense net made before a fused activation is not known: magnitude alone."""
        if layer is None:
            return
        key, mask = node.weights["weight"], layer.mask()
        self._masks[key] = mask
        self._run.weights[key] = self._run.weights[key] * torch.from_numpy(mask)
        note = "masked by magnitude and not refitted: its activation is part of it"
        self._told.append(LayerRepair(node.name, "magnitude", None, note))

    def _fit(self, node: Node, weight: Tensor, *, centred: bool) -> LayerFit:
        x = self._run.values[node.inputs[0]]
        target = self._calibration.targets[node.name]
        at = self._calibration.positions.get(node.name)
        behind = follower(self._graph, node) if at is not None else None
        other = None
        if behind is not None and behind.other in self._run.values and at is not None:
            other = at_positions(self._run.values[behind.other], at)
        aim = aim_of(target, behind, self._dense, self._calibration.sums.get(node.name), other)
        return LayerFit(node, x, weight, at, aim, centred=centred)

    def _choose(self, layer: PrunedLayer, moments: Moments) -> tuple[BoolArray, str | None, str]:
        """Mask, what chose it (None: nothing was to choose) and a note."""
        if layer.choice.is_dense:
            return layer.mask(), None, ""
        if layer.scheme.is_joint:
            # ranked together with the layers it is tied to, before the walk
            joint = "magnitude" if self._criterion.needs == "moments" else self._criterion.name
            return layer.mask(), joint, ""
        weight = layer.weight.reshape(len(layer.weight), -1)
        slopes = self._slopes.get(layer.node.name)
        evidence = Evidence(weight, layer.structure, layer.choice.rate, slopes, moments)
        scores = self._criterion.scores(evidence)
        if scores is not None:
            return layer.mask_from_scores(scores), self._criterion.name, ""
        reason = why_no_obs(moments.groups, layer.structure)
        return layer.mask(), "magnitude", f"masked by magnitude: {reason}"


def shared_band(mask: Tensor, layer: PrunedLayer | None) -> int:
    """Filters that share a support, so that one factorisation does for all of them."""
    if bool((mask == mask.any(1, keepdim=True) & mask.any(0)).all()):
        return len(mask)  # all filters that are left read the same columns
    return 1 if layer is None else layer.structure.band
