"""Single weights are removed, wherever they are."""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import BoolArray, FloatArray, Structure, select_units
from codegen.ir.node import Node


class Unstructured(Scheme):
    """Keeps the largest weights of the layer; the rate is right within half a weight."""

    name = "unstructured"
    title = "Unstructured"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Every layer with weights can be pruned."""
        return None if node.op in {"conv", "linear"} else f"{node.op} has no weights to prune"

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Every filter is a band, every column a unit."""
        return Structure(1, np.arange(prod(weight_shape[1:]), dtype=np.int64))

    def mask_from_scores(
        self, weight_shape: Shape, choice: LayerChoice, structure: Structure, scores: FloatArray
    ) -> BoolArray:
        """The highest scores of the whole layer: filters need not keep equally many."""
        self.check(weight_shape, choice, structure)
        flat = scores.reshape(1, -1)
        kept = select_units(flat, np.ones_like(flat), flat.size / choice.rate)
        return kept.reshape(weight_shape)
