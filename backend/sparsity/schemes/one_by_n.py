"""Whole kernels of N neighbouring filters are removed together (1xN, Lin et al., TPAMI 2022)."""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import Structure
from codegen.ir.node import Node


class OneByN(Scheme):
    """A unit is one input channel in a band of N = `block[0]` filters; right within half a unit."""

    name = "one_by_n"
    title = "1xN"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Layers with more than one input channel a filter."""
        if node.op not in {"conv", "linear"}:
            return f"{node.op} has no weights to prune"
        if weight_shape[1] < 2:
            return "the layer's filters read a single channel each"
        return None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """N has to be found in the layer once."""
        if choice.block[0] > weight_shape[0]:
            return f"N = {choice.block[0]} is more than its {weight_shape[0]} filters"
        return super().problem(weight_shape, choice, entries)

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """N kernels."""
        return choice.block[0] * prod(weight_shape[2:])

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of N filters, units of one channel."""
        channels, positions = weight_shape[1], prod(weight_shape[2:])
        units = np.repeat(np.arange(channels, dtype=np.int64), positions)
        return Structure(choice.block[0], units, is_balanced=choice.is_balanced)
