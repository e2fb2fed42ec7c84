"""Each 3x3 kernel keeps n weights of a shared library; whole kernels are removed beyond that.

PatDNN (ASPLOS 2020, section 4): pattern and connectivity pruning. Two deviations, both by default:
filters may share patterns and connectivity in groups, which lets the compiled code reuse what it
loads, and every group keeps equally many kernels (within one), which balances the work. Groups of 1
and `balance: unbalanced` are the papers' own.
"""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import ENTRIES, POSITIONS, PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape, best_alternatives
from backend.sparsity.schemes.structure import (
    BoolArray,
    FloatArray,
    Structure,
    select_units,
    sum_bands,
)
from codegen.errors import PlanError
from codegen.ir.node import Node

_ROUNDING = 1e-5
"""Share by which a rate may miss that of patterns alone: a label stores six digits."""


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
        """The set's own n of 9 is the mildest; filters of one kernel have no connectivity.

        Without connectivity since a depthwise filter without its kernel is a constant channel:
        that is the filter scheme's work, which removes the channel with it.
        """
        entries = ENTRIES if entries is None else entries
        least = POSITIONS / entries
        if choice.rate < least * (1 - _ROUNDING):
            return (
                f"the rate {choice.rate:g} is not possible: {entries} of {POSITIONS} weights is "
                f"{least:.6g}, and connectivity only raises it"
            )
        if weight_shape[1] == 1 and choice.rate > least * (1 + _ROUNDING):
            return (
                f"the rate {choice.rate:g} is not possible: each filter has a single kernel, so "
                f"patterns alone are left, at {least:.6g}"
            )
        kernels = prod(weight_shape[:2])
        group = min(choice.group, weight_shape[0])
        if kernels * least / choice.rate < 0.5 * group:
            shared = f", shared by groups of {group} filters" if group > 1 else ""
            return f"the rate {choice.rate:g} leaves none of {kernels} kernels{shared}"
        return None

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """A group's kernel, of the papers' 4 weights."""
        return ENTRIES * min(choice.group, weight_shape[0])

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of `group` filters; every kernel is a unit and picks one pattern."""
        if patterns is None:
            msg = f"there is no pattern set {choice.patterns!r}"
            raise PlanError(msg)
        units = np.repeat(np.arange(weight_shape[1], dtype=np.int64), POSITIONS)
        return Structure(choice.group, units, patterns.masks, is_balanced=choice.is_balanced)

    def nearest_patterns(
        self, weight: FloatArray, choice: LayerChoice, patterns: PatternSet
    ) -> BoolArray:
        """The pattern with the most energy in every kernel of every group: no kernel is removed.

        The projection onto S_k of the papers' ADMM (Ma et al., ECCV 2020: W_k in S_k), (filters,
        channels, 3, 3).
        """
        scores = _energy(weight, choice.group)
        mask = best_alternatives(scores, patterns.masks)
        return np.repeat(mask, choice.group, axis=0)[: len(weight)].reshape(weight.shape)

    def nearest_connectivity(
        self, weight: FloatArray, choice: LayerChoice, patterns: PatternSet
    ) -> BoolArray:
        """The kernels that stay, whole: those of the largest norm, as many as `mask` keeps.

        The projection onto S'_k (at most alpha_k kernels), (filters, channels, 3, 3).

        Raises:
            PlanError: the rate is impossible for this shape.
        """
        structure = self.structure(weight.shape, choice, patterns)
        self.check(weight.shape, choice, structure)
        scores = _energy(weight, choice.group)
        rows = sum_bands(np.ones((len(weight), 1), np.float32), choice.group)  # (groups, 1)
        kernels = scores.reshape(len(scores), -1, POSITIONS).sum(axis=2) / rows
        sizes = np.broadcast_to(rows * patterns.entries, kernels.shape)
        budget = weight.size / choice.rate
        kept = select_units(kernels, sizes, budget, is_balanced=structure.is_balanced)
        mask = np.repeat(kept, choice.group, axis=0)[: len(weight)]
        return np.broadcast_to(mask[:, :, None, None], weight.shape)


def _energy(weight: FloatArray, group: int) -> FloatArray:
    """Squared weights summed over each group of filters: (groups, columns)."""
    return sum_bands(weight.reshape(len(weight), -1) ** 2, group)
