"""A filter type in a layer's place, with weights that make what the dense layer made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.reconstruction.composite_fit import (
    AGAIN,
    Chain,
    chain_error,
    fit_before,
    projected,
    solve_last,
    why_not_linear,
    without_pull,
)
from backend.reconstruction.store import Reconstruction
from backend.sparsity.candidate import Candidate
from backend.sparsity.criteria import Evidence, criterion_of
from backend.sparsity.follower import absorber
from backend.sparsity.least_squares import relative_error, solve_kept
from backend.sparsity.moments import Moments
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer, pruned_layers
from backend.sparsity.repair import shared_band
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight


@dataclass(frozen=True, eq=False)
class Composite:
    """The unpruned composite, fitted once for all rates of its filter type.

    Attributes:
        layer: whose place it takes.
        graph: in which it stands, with fitted weights.
        parts: its convolutions, in order; the last one has the layer's name.
        fit: the problem that was solved; None where the type has no weights or is not linear.
        error: left over, as a share of the output's variance; None where it is not known.
        note: what could not be fitted, in words.
    """

    layer: str
    graph: Graph
    parts: tuple[Node, ...]
    fit: Fit | None
    error: float | None
    note: str = ""

    def pruned(
        self, label: str, choices: Candidate, pattern_sets: Mapping[str, PatternSet] | None
    ) -> Reconstruction:
        """The composite with its parts pruned and refitted.

        Args:
            label: of the choice.
            choices: scheme and rate of each part, as `replace_filter_types` gave them.
            pattern_sets: by name; the shipped ones when not given.

        Raises:
            PlanError: a part cannot be pruned so.
        """
        names = {node.name for node in self.parts}
        own = Candidate.of([(name, it) for name, it in choices.choices if name in names])
        layers = {
            layer.node.name: layer
            for layer in pruned_layers(self.graph, own, pattern_sets)
            if layer.node.name in names
        }
        if self.fit is None:
            weights = {
                key: self.graph.weights[key] for node in self.parts for _, key in node.weight_items
            }
            weights |= {layer.key: Weight(layer.weight, layer.mask()) for layer in layers.values()}
            error = 1.0 if self.error is None else self.error
            return Reconstruction(self.layer, label, weights, error, note=self.note)
        if not layers:
            return self._stored(label, self.fit.weights, {}, self.fit.error)
        return self._refitted(label, layers, self.fit)

    def _refitted(self, label: str, layers: Mapping[str, PrunedLayer], fit: Fit) -> Reconstruction:
        last = fit.chain.last.name
        weights = dict(fit.weights)
        masks: dict[str, Tensor] = {}
        for name, layer in layers.items():
            if name != last:
                masks[name] = torch.from_numpy(np.array(layer.mask()))
                weights[name] = weights[name] * masks[name]
        if masks:
            weights |= fit_before(fit.chain, fit.moments, weights, masks, iterations=AGAIN)
        features = fit.features(weights)
        pruned = layers.get(last)
        flat = torch.ones(len(weights[last]), features.shape[0], dtype=torch.bool)
        if pruned is not None:
            flat = self._mask_of_last(pruned, fit.moments, features)
            masks[last] = flat.view(weights[last].shape)
        band = shared_band(flat, pruned)
        solved = solve_last(fit.moments, features, flat, band)
        if pruned is not None and len(fit.chain.nodes) > 1:
            weights |= fit_before(
                fit.chain, fit.moments, weights, masks, fixed_last=solved, iterations=AGAIN
            )
            features = fit.features(weights)
            solved = solve_last(fit.moments, features, flat, band)
        weights[last] = solved.view(weights[last].shape)
        return self._stored(label, weights, masks, chain_error(fit.moments, features, solved))

    def _mask_of_last(self, layer: PrunedLayer, moments: Moments, features: Tensor) -> Tensor:
        weight = torch.from_numpy(layer.weight.copy()).flatten(1)
        seen = projected(moments, features, weight)
        structure = layer.structure
        evidence = Evidence(weight.numpy(), structure, layer.choice.rate, None, seen)
        scores = None
        if layer.choice.scheme != "dense":
            scores = criterion_of("obs").scores(evidence)
        mask = layer.mask() if scores is None else layer.mask_from_scores(scores)
        return torch.from_numpy(np.array(mask)).flatten(1)

    def _stored(
        self, label: str, weights: Mapping[str, Tensor], masks: Mapping[str, Tensor], error: float
    ) -> Reconstruction:
        assert self.fit is not None
        found = {}
        for node in self.parts:
            mask = masks.get(node.name)
            values = weights[node.name].numpy()
            found[node.weights["weight"]] = Weight(values, None if mask is None else mask.numpy())
        moments = self.fit.moments
        made = weights[self.layer].flatten(1) @ self.fit.features(weights)
        shift = (moments.target_mean - made @ moments.input_mean[0]).numpy()
        taker = absorber(self.graph, self.parts[-1])
        if taker is not None:
            key, sign = taker
            found[key] = Weight(shift if sign > 0 else self.fit.held[key] - shift)
        return Reconstruction(self.layer, label, found, error)


@dataclass(frozen=True, eq=False)
class Fit:
    """A solved composite.

    Attributes:
        chain: its parts.
        moments: of the dense layer, their ridge pulling to zero.
        weights: of the parts, by name.
        error: left over, as a share of the output's variance.
        held: what takes intercepts, as it was, by weight key.
    """

    chain: Chain
    moments: Moments
    weights: Mapping[str, Tensor]
    error: float
    held: Mapping[str, np.ndarray]

    def features(self, weights: Mapping[str, Tensor]) -> Tensor:
        """What the last part reads: (features, columns of the dense layer)."""
        high, wide = self.chain.kernel
        return self.chain.features(weights, self.moments.gram.shape[1] // (high * wide))


def fit_composite(graph: Graph, replaced: Graph, name: str, moments: Moments | None) -> Composite:
    """Fit the composite that stands in a layer's place.

    Args:
        graph: the dense net.
        replaced: the same with the filter type in the layer's place.
        name: of the layer.
        moments: of the dense layer; None where it has no least-squares problem.
    """
    known = {node.name for node in graph.nodes}
    parts = tuple(
        node
        for node in replaced.nodes
        if "weight" in node.weights and (node.name not in known or node.name == name)
    )
    old = graph.weights[graph.by_name[name].weights["weight"]].values
    if not parts or parts[-1].name != name:
        return Composite(name, replaced, parts, None, _error_of_nothing(graph, name, moments))
    weights = {
        node.name: torch.from_numpy(replaced.weights[node.weights["weight"]].values.copy())
        for node in parts
    }
    reason = why_not_linear(parts, weights)
    if moments is None:
        reason = "the layer it replaces is not fitted by itself"
    elif moments.groups > 1 or old.ndim != 4:
        reason = "the layer it replaces reads its channels by groups"
    if moments is not None and len(parts) == 1 and reason is not None:
        return _cropped(name, replaced, parts[0], old, moments)
    if reason is not None or moments is None:
        return Composite(name, replaced, parts, None, None, f"kept as it was split: {reason}")
    kernel = (int(old.shape[2]), int(old.shape[3]))
    taps = (int(weights[name].shape[2]), int(weights[name].shape[3]))
    chain = Chain(parts, kernel, taps)
    plain = without_pull(moments, torch.from_numpy(old.reshape(len(old), -1).copy()))
    weights |= fit_before(chain, plain, weights, {})
    channels = int(old.shape[1])
    features = chain.features(weights, channels)
    everything = torch.ones(len(old), features.shape[0], dtype=torch.bool)
    last = solve_last(plain, features, everything, len(old))
    weights[name] = last.view(weights[name].shape)
    error = chain_error(plain, features, last)
    taker = absorber(replaced, parts[-1])
    held = {} if taker is None else {taker[0]: replaced.weights[taker[0]].values}
    fitted = replaced.with_weights(
        {node.weights["weight"]: Weight(weights[node.name].numpy()) for node in parts}
    )
    return Composite(name, fitted, parts, Fit(chain, plain, weights, error, held), error)


def _cropped(
    name: str, replaced: Graph, part: Node, old: np.ndarray, moments: Moments
) -> Composite:
    """One convolution of smaller kernels that keeps the groups: the middle taps, refitted."""
    key = part.weights["weight"]
    new = replaced.weights[key].values
    top, left = (old.shape[axis] // 2 - new.shape[axis] // 2 for axis in (2, 3))
    middle = (..., slice(top, top + new.shape[2]), slice(left, left + new.shape[3]))
    mask = torch.zeros(old.shape, dtype=torch.bool)
    mask[middle] = True
    solved = solve_kept(moments, mask.flatten(1), len(old))
    weight = Weight(solved.view(old.shape)[middle].numpy())
    error = relative_error(moments, solved)
    return Composite(name, replaced.with_weights({key: weight}), (part,), None, error)


def _error_of_nothing(graph: Graph, name: str, moments: Moments | None) -> float | None:
    """Error of handing a layer's input on as its output, as a share of the output's variance."""
    node = graph.by_name[name]
    weight = graph.weights[node.weights["weight"]].values
    if moments is None or moments.groups > 1 or weight.ndim != 4:
        return None
    same = graph.type_of(node.inputs[0]).shape == node.type.shape
    if not same:
        return None
    filters, channels, high, wide = weight.shape
    handed = torch.zeros(filters, channels, high, wide)
    handed[torch.arange(filters), torch.arange(filters), high // 2, wide // 2] = 1.0
    plain = without_pull(moments, torch.from_numpy(weight.reshape(filters, -1).copy()))
    return relative_error(plain, handed.flatten(1))
