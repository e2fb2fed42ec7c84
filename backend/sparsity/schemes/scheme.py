"""The contract of a pruning scheme."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.structure import (
    BoolArray,
    FloatArray,
    IntArray,
    Structure,
    select_units,
    sum_bands,
)
from codegen.errors import PlanError
from codegen.ir.node import Node

Shape = tuple[int, ...]


class Scheme(ABC):
    """A kind of structure.

    `legal` is asked first, with a layer's node and the shape of its weight; `problem` then, with
    a choice; `mask` and `structure` only where both had nothing to say. A scheme keeps no state.

    Attributes:
        name: what plans call it.
        title: what people call it.
        is_joint: whether layers choose together what goes (`backend.sparsity.dependency`).
    """

    name: str
    title: str
    is_joint: bool = False

    @abstractmethod
    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Why the scheme cannot prune this layer, in words, or None where it can."""

    @abstractmethod
    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """What is kept or removed together."""

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """Why the choice is impossible on a weight of this shape, in words, or None.

        Args:
            weight_shape: of the weight.
            choice: what is asked for.
            entries: weights that each pattern of its set keeps, where it has one.
        """
        total, unit = prod(weight_shape), self.unit_weights(weight_shape, choice)
        if total / choice.rate < unit / 2:
            if unit == 1:
                return f"the rate {choice.rate:g} leaves nothing of {total} weights"
            return (
                f"the rate {choice.rate:g} keeps {total / choice.rate:.3g} of {total} weights, "
                f"less than half of the {unit} that only go together"
            )
        if unit == total and choice.rate > 1:
            return f"all of its {total} weights only go together: there is nothing to choose"
        return None

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """The most weights that only go together: the rate is right within half of them."""
        return 1

    def mask(
        self, weight: FloatArray, choice: LayerChoice, patterns: PatternSet | None = None
    ) -> BoolArray:
        """Weights to keep by magnitude: the units with the most squared weight per weight.

        The share kept is 1 / rate within half a unit (`select_units` says how it is rounded), and
        at least one unit stays.

        Raises:
            PlanError: the rate is impossible for this shape.
        """
        structure = self.structure(weight.shape, choice, patterns)
        columns = weight.reshape(len(weight), -1)
        return self.mask_from_scores(
            weight.shape, choice, structure, sum_bands(columns**2, structure.band)
        )

    def mask_from_scores(
        self, weight_shape: Shape, choice: LayerChoice, structure: Structure, scores: FloatArray
    ) -> BoolArray:
        """The mask that keeps the units with the highest score per weight.

        Args:
            weight_shape: of the weight.
            choice: gives the rate.
            structure: of this scheme for the shape and choice.
            scores: of each band's columns, summed over its filters, (bands, columns).

        Raises:
            PlanError: the rate is impossible for this shape.
        """
        self.check(weight_shape, choice, structure)
        filters, columns = weight_shape[0], prod(weight_shape[1:])
        rows = sum_bands(np.ones((filters, 1), np.float32), structure.band)  # (bands, 1)
        inside = np.ones(scores.shape, dtype=bool)
        if structure.alternatives is not None:
            inside = best_alternatives(scores, structure.alternatives)
        summed, sizes = _sum_units(np.where(inside, scores, 0), inside, structure)
        weights = sizes * rows
        means = np.divide(summed, weights, out=np.zeros_like(summed), where=weights > 0)
        kept = select_units(
            means,
            weights,
            filters * columns / choice.rate,
            is_balanced=structure.is_balanced,
        )
        mask = inside & kept[:, structure.units]
        return np.repeat(mask, structure.band, axis=0)[:filters].reshape(weight_shape)

    def check(self, weight_shape: Shape, choice: LayerChoice, structure: Structure) -> None:
        """Refuse a choice that has a problem.

        Raises:
            PlanError: says what is impossible.
        """
        patterns = structure.alternatives
        entries = None if patterns is None else int(patterns[0].sum())
        problem = self.problem(weight_shape, choice, entries)
        if problem is not None:
            raise PlanError(problem)


def oversized_block(weight_shape: Shape, choice: LayerChoice, words: tuple[str, str]) -> str | None:
    """What to say of a block larger than the whole layer; `words` name the layer's two axes."""
    high, wide = choice.block
    if high <= weight_shape[0] or wide <= weight_shape[1]:
        return None
    return (
        f"the block {high}x{wide} is larger than its {weight_shape[0]} {words[0]} of "
        f"{weight_shape[1]} {words[1]}"
    )


def best_alternatives(scores: FloatArray, alternatives: BoolArray) -> BoolArray:
    """In each kernel the alternative with the highest score: (bands, columns)."""
    return np.asarray(alternatives[best_choice(scores, alternatives)].reshape(scores.shape))


def best_choice(scores: FloatArray, alternatives: BoolArray) -> IntArray:
    """Index of that alternative in each kernel: (bands, channels)."""
    kernels = scores.reshape(len(scores), -1, alternatives.shape[1])
    return np.asarray((kernels @ alternatives.T.astype(np.float32)).argmax(axis=-1))


def _sum_units(
    scores: FloatArray, inside: BoolArray, structure: Structure
) -> tuple[FloatArray, FloatArray]:
    """Score and number of columns of each unit: two arrays of (bands, units)."""
    order = np.argsort(structure.units, kind="stable")
    starts = np.searchsorted(structure.units[order], np.arange(structure.unit_count))
    summed = np.add.reduceat(scores[:, order], starts, axis=1)
    sizes = np.add.reduceat(inside[:, order].astype(np.float32), starts, axis=1)
    return summed, sizes
