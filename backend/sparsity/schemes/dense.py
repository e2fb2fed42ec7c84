"""Nothing is removed."""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import Structure
from codegen.ir.node import Node


class Dense(Scheme):
    """Keeps every weight."""

    name = "dense"
    title = "Dense"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Every layer may stay dense."""
        return None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """A dense layer's rate is 1."""
        return None if choice.rate == 1.0 else f"a dense layer has rate 1, not {choice.rate:g}"

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """One band, one unit."""
        return Structure(weight_shape[0], np.zeros(prod(weight_shape[1:]), np.int64))
