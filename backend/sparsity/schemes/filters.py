"""Whole filters are removed (coarse-grained pruning)."""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import BoolArray, FloatArray, Structure, select_units
from codegen.ir.node import Node


class Filters(Scheme):
    """Keeps the filters with the largest norms; the rate is right within half a filter.

    The rate counts the layer's own filters. The next layers lose the channels as well, so a net of
    which every layer loses half of its filters keeps about a quarter of its weights. Layers whose
    filters go together are ranked together: `backend.sparsity.dependency`.
    """

    name = "filter"
    title = "Filters"
    is_joint = True

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """A layer of one filter has none to spare."""
        if node.op not in {"conv", "linear"}:
            return f"{node.op} has no filters"
        return "the layer has a single filter" if weight_shape[0] < 2 else None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """At least one filter must stay."""
        if weight_shape[0] / choice.rate < 0.5:
            return f"the rate {choice.rate:g} leaves none of {weight_shape[0]} filters"
        return None

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """A filter."""
        return prod(weight_shape[1:])

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Every filter is a band of one unit."""
        return Structure(1, np.zeros(prod(weight_shape[1:]), np.int64))

    def mask_from_scores(
        self, weight_shape: Shape, choice: LayerChoice, structure: Structure, scores: FloatArray
    ) -> BoolArray:
        """The filters with the highest scores of the layer: bands compete with each other."""
        self.check(weight_shape, choice, structure)
        means = scores.mean(axis=1)[None]  # (1, filters)
        kept = select_units(means, np.ones_like(means), weight_shape[0] / choice.rate)[0]
        return np.broadcast_to(kept.reshape(-1, *(1,) * (len(weight_shape) - 1)), weight_shape)
