"""Rates by layer: one overall rate, shared out so that the layers' errors add up to least.

Each layer is pruned and refitted by itself, on the dense net's inputs, at some rates; its error as
a share of its outputs' variance is what a rate costs there. The lower convex hull of these errors
over the weights kept is then filled up from the cheapest slope, which is the exact optimum for the
hulls (the errors of different layers are taken to add up: NPAS-like searches and SPDY, Frantar and
Alistarh, ICML 2022, do the same).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from backend.sparsity.aim import Aim
from backend.sparsity.calibration import Calibration
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.criteria import Evidence, criterion_of
from backend.sparsity.layer_fit import LayerFit
from backend.sparsity.least_squares import relative_error, solve_kept
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, pruned_layers
from backend.sparsity.run import Run
from codegen.errors import PlanError
from codegen.ir.node import Node

_FACTORS = (0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.3, 3.0)
"""Rates that are tried, times the layer's own in the candidate."""


@dataclass(frozen=True)
class _Point:
    kept: float
    error: float


def share_out(
    calibration: Calibration,
    candidate: Candidate,
    *,
    select: str = "obs",
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> Candidate:
    """The candidate with other rates: as many weights in all, least summed error.

    Args:
        calibration: of the dense graph.
        candidate: schemes, and the rates whose total is kept. Layers that lose whole filters, or
            what such filters fed them, keep their rates, since they are tied to others.
        select: how masks are chosen, a row of `CRITERIA`; magnitude stands in for gradients.
        pattern_sets: by name; the shipped ones when not given.

    Raises:
        PlanError: the candidate does not fit the graph.
    """
    layers = {
        layer.node.name: layer
        for layer in pruned_layers(calibration.graph, candidate, pattern_sets)
        if layer.allowed is None and not layer.choice.is_dense
    }
    curves: dict[str, list[_Point]] = {}
    run = Run(calibration.graph, calibration.images)
    for node in run.nodes():
        layer = layers.get(node.name)
        if layer is not None and len(node.inputs) == 1 and node.text("activation") == "none":
            curves[node.name] = _hull(_errors(run, node, layer, calibration, select))
    budget = sum(layers[name].weight.size / layers[name].choice.rate for name in curves)
    kept = _fill(curves, budget)
    choices = dict(candidate.choices)
    for name, count in kept.items():
        choices[name] = replace(layers[name].choice, rate=layers[name].weight.size / count)
    return Candidate.of(choices)


def _errors(
    run: Run, node: Node, layer: PrunedLayer, calibration: Calibration, select: str
) -> list[_Point]:
    """Weights kept and error at every rate that the layer can have."""
    weight = run.weights[layer.key]
    fit = LayerFit(
        node,
        run.values[node.inputs[0]],
        weight,
        calibration.positions.get(node.name),
        Aim(calibration.targets[node.name]),
        centred=True,
    )
    entries = None if layer.patterns is None else layer.patterns.entries
    points = []
    for factor in _FACTORS:
        choice = replace(layer.choice, rate=max(1.0, layer.choice.rate * factor))
        if factor < 1.0 and entries is not None:
            # patterns alone are the mildest that the scheme has
            choice = replace(choice, rate=max(choice.rate, 9 / entries))
        if layer.scheme.problem(weight.shape, choice, entries) is not None:
            continue
        mask = _mask(replace(layer, choice=choice), choice, fit, select)
        solved = solve_kept(fit.moments, mask, layer.structure.band)
        points.append(_Point(float(mask.sum()), relative_error(fit.moments, solved)))
    return points


def _mask(layer: PrunedLayer, choice: LayerChoice, fit: LayerFit, select: str) -> torch.Tensor:
    weight = layer.weight.reshape(len(layer.weight), -1)
    evidence = Evidence(weight, layer.structure, choice.rate, moments=fit.moments)
    scores = criterion_of(select).scores(evidence)
    found = layer.mask() if scores is None else layer.mask_from_scores(scores)
    return torch.from_numpy(np.ascontiguousarray(found)).view(len(weight), -1)


def _hull(points: Sequence[_Point]) -> list[_Point]:
    """The lower convex hull, by rising number of weights and falling error."""
    best: dict[float, float] = {}
    for point in points:
        best[point.kept] = min(point.error, best.get(point.kept, np.inf))
    hull: list[_Point] = []
    for kept in sorted(best):
        point = _Point(kept, best[kept])
        if hull and point.error >= hull[-1].error:
            continue
        while len(hull) > 1 and _slope(hull[-1], point) <= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(point)
    return hull


def _slope(first: _Point, second: _Point) -> float:
    return (second.error - first.error) / (second.kept - first.kept)


def _fill(curves: Mapping[str, Sequence[_Point]], budget: float) -> dict[str, float]:
    """Weights of each layer: from the least of each, always where an error falls most per weight.

    Raises:
        PlanError: the layers' least weights already exceed the budget.
    """
    kept = {name: points[0].kept for name, points in curves.items() if points}
    left = budget - sum(kept.values())
    if left < 0:
        msg = "the overall rate is higher than the layers can reach together"
        raise PlanError(msg)
    steps = [
        (_slope(first, second), name, second.kept - first.kept)
        for name, points in curves.items()
        for first, second in zip(points, points[1:], strict=False)
    ]
    for _, name, size in sorted(steps):
        taken = min(size, left)
        kept[name] += taken
        left -= taken
        if left <= 0:
            break
    return kept
