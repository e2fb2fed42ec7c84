"""Damage of every choice of every layer, from the weights alone (no data, no torch)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backend.models.filter_types import (
    FILTER_TYPES,
    FloatArray,
    Piece,
    composed,
    layer_of,
    part_choices,
)
from backend.search.space import Space
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes import SCHEMES
from codegen.ir.graph import Graph
from codegen.ir.node import Node

_LEAST_ERROR = 1e-6
_FIT_AFTER = 8  # stored choices, before a power is fitted
_LEAST_EXPONENT, _LARGEST_EXPONENT = 0.5, 4.0


def damage_table(
    graph: Graph, space: Space, pattern_sets: Mapping[str, PatternSet]
) -> dict[str, dict[str, float]]:
    """Share of the weight energy that is lost by each choice, masks by magnitude.

    Summed over layers it ranks candidates as training does (Spearman 0.94 on ResNet-20, schemes and
    rates alone) and costs nothing: `||W - P(W)||^2 / ||W||^2`, papers.md 7.3 step 2(a). P(W) of a
    filter type is the one convolution that its masked parts make together; a skipped layer loses
    everything.
    """
    table: dict[str, dict[str, float]] = {}
    for name, menu in space.menus:
        node = graph.by_name[name]
        energy = float(np.square(graph.weights[node.weights["weight"]].values, dtype=float).sum())
        sites: dict[str, _Site] = {}
        row: dict[str, float] = {}
        for choice in menu:
            kind = choice.filter_type
            if kind not in sites:
                sites[kind] = _Site(graph, node, kind, pattern_sets)
            row[choice.label] = sites[kind].lost(choice) / (energy or 1.0)
        table[name] = row
    return table


def reconstructed_damage(
    energy: Mapping[str, Mapping[str, float]], reports: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """The damage table with measured errors in place of removed energy, in units of energy.

    Measured is the error of a layer's output after its reconstruction, as a share of the output's
    variance (recovery.md C: normalised). Over what is stored it follows about a power of the
    removed energy; by that power, fitted to the logarithms, errors are given as the energy that
    would do as much, so that samplers need not know where an entry is from. What is not stored
    keeps its energy.

    Args:
        energy: what `damage_table` gives.
        reports: of stored reconstructions (`backend.reconstruction.store`).
    """
    known = {(row["layer"], row["label"]): row for row in reports}
    pairs = [
        (float(row["removed_energy"]), float(row["error"]))
        for row in known.values()
        if row["removed_energy"] and row["error"] > _LEAST_ERROR
    ]
    slope, offset = _power(pairs)

    def as_energy(error: float) -> float:
        return float(np.exp((np.log(max(error, _LEAST_ERROR)) - offset) / slope))

    return {
        layer: {
            label: as_energy(float(known[layer, label]["error"]))
            if (layer, label) in known
            else value
            for label, value in row.items()
        }
        for layer, row in energy.items()
    }


def _power(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Exponent and logarithm of the factor of error = factor * energy ** exponent."""
    if len(pairs) < _FIT_AFTER:
        return 1.0, 0.0
    x, y = np.log(np.array(pairs)).T
    slope = float(np.cov(x, y, bias=True)[0, 1] / max(float(x.var()), 1e-12))
    slope = min(max(slope, _LEAST_EXPONENT), _LARGEST_EXPONENT)
    return slope, float(y.mean() - slope * x.mean())


class _Site:
    """A layer with a filter type in its place, factorised once for all schemes and rates."""

    def __init__(
        self, graph: Graph, node: Node, kind: str, pattern_sets: Mapping[str, PatternSet]
    ) -> None:
        weight = graph.weights[node.weights["weight"]].values
        self._sets = pattern_sets
        self._layer = None if kind == "keep" else layer_of(graph, node)
        self._pieces: tuple[Piece, ...] = (Piece("", weight),)
        if self._layer is not None:
            self._pieces = FILTER_TYPES[kind].pieces(self._layer, start=True)

    def lost(self, choice: LayerChoice) -> float:
        """Squared difference of the layer's weight and what is left of it."""
        weights = []
        shares = part_choices(self._pieces, choice, self._sets)
        for piece, share in zip(self._pieces, shares, strict=True):
            mask = SCHEMES[share.scheme].mask(piece.weight, share, self._sets.get(share.patterns))
            weights.append(np.where(mask, piece.weight, np.float32(0)))
        if self._layer is None:
            return _squares(self._pieces[0].weight - weights[0])
        return _squares(self._layer.weight - composed(self._layer, self._pieces, weights))


def _squares(values: FloatArray) -> float:
    return float(np.square(values, dtype=np.float64).sum())
