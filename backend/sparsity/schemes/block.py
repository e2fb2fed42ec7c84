"""Fully connected layers in blocks: rows, columns or both are removed in each block by itself.

NPAS (CVPR 2021, section 3). The default is columns alone, which compiled code gains most from:
`block[0]` rows then share one list of inputs. A column of a block does not depend on the block's
width, so `block[1]` matters for rows alone.
"""

from __future__ import annotations

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.block_removal import BlockRemoval
from backend.sparsity.schemes.scheme import Scheme, Shape, oversized_block
from backend.sparsity.schemes.structure import BoolArray, FloatArray, Structure
from codegen.ir.node import Node


class Block(Scheme):
    """Units are columns of `block[0]` rows and rows of `block[1]` columns; right within half one.

    With rows, a unit shrinks by what has been removed across it, so half a unit is at most half
    the block's longer side.
    """

    name = "block"
    title = "Blocks (fully connected)"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Fully connected layers alone."""
        if node.op != "linear":
            return f"block pruning needs a fully connected layer, this is {node.op}"
        return None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """A block larger than the whole layer is a mistake; one that reaches over an end is not."""
        oversized = oversized_block(weight_shape, choice, ("rows", "columns"))
        return oversized or super().problem(weight_shape, choice, entries)

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """The longer side that may go, of a block inside the layer."""
        rows, columns = (min(pair) for pair in zip(choice.block, weight_shape, strict=True))
        return {"columns": rows, "rows": columns, "both": max(rows, columns)}[choice.axes]

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of `block[0]` rows for columns alone; single weights where rows go as well."""
        band = choice.block[0] if choice.axes == "columns" else 1
        units = np.arange(weight_shape[1], dtype=np.int64)
        return Structure(band, units, is_balanced=choice.is_balanced)

    def mask_from_scores(
        self, weight_shape: Shape, choice: LayerChoice, structure: Structure, scores: FloatArray
    ) -> BoolArray:
        """Columns as every scheme's units; rows and both by greedy removal inside the blocks."""
        if choice.axes == "columns":
            return super().mask_from_scores(weight_shape, choice, structure, scores)
        self.check(weight_shape, choice, structure)
        removal = BlockRemoval(scores, choice.block, with_columns=choice.axes == "both")
        return removal.mask(scores.size / choice.rate, is_balanced=choice.is_balanced)
