"""Each 3x3 kernel keeps a pattern of a shared library; whole kernels are removed beyond that.

PatDNN (ASPLOS 2020, section 4): pattern and connectivity pruning. Two deviations: filters may share
patterns and connectivity in groups, which lets the compiled code reuse what it loads, and every
group keeps equally many kernels (within one), which balances the work.
"""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import ENTRIES, POSITIONS, PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import Structure
from codegen.errors import PlanError
from codegen.ir.node import Node

LEAST_RATE = POSITIONS / ENTRIES
"""Of the papers' patterns of 4 weights; a set of n-of-9 patterns starts at 9 / n."""


class Pattern(Scheme):
    """n-of-9 patterns, and connectivity above 9 / n; right within half a group's kernel."""

    name = "pattern"
    title = "Patterns"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Patterns are drawn on 3x3 kernels."""
        if node.op != "conv":
            return f"patterns need a 3x3 convolution, this is {node.op}"
        if weight_shape[2:] != (3, 3):
            return f"patterns need 3x3 kernels, these are {weight_shape[2]}x{weight_shape[3]}"
        return None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """The patterns alone, 4 of 9 where the set is not known, are the mildest."""
        kept = ENTRIES if entries is None else entries
        least = POSITIONS / kept
        # a rate of six digits is what a label stores
        if choice.rate < least * (1 - 1e-5):
            return (
                f"the rate {choice.rate:g} is not possible: {kept} of 9 weights is {least:.4g}, "
                "and connectivity only raises it"
            )
        kernels = prod(weight_shape[:2])
        if kernels * least / choice.rate < 0.5:
            return f"the rate {choice.rate:g} leaves none of {kernels} kernels"
        return None

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of `group` filters; every kernel is a unit and picks one pattern."""
        if patterns is None:
            msg = f"there is no pattern set {choice.patterns!r}"
            raise PlanError(msg)
        units = np.repeat(np.arange(weight_shape[1], dtype=np.int64), POSITIONS)
        return Structure(choice.group, units, patterns.masks)
