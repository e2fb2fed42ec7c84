"""Fully connected layers in blocks: columns are removed in each block by itself.

NPAS (CVPR 2021, section 3) allows rows, columns or both; columns are what compiled code gains from,
since `block[0]` rows then share one list of inputs. A column of a block does not depend on the
block's width, so `block[1]` changes nothing here.
"""

from __future__ import annotations

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape
from backend.sparsity.schemes.structure import Structure
from codegen.ir.node import Node


class Block(Scheme):
    """A unit is one column in a band of `block[0]` rows; right within half a unit."""

    name = "block"
    title = "Blocks (fully connected)"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Fully connected layers alone."""
        if node.op != "linear":
            return f"block pruning needs a fully connected layer, this is {node.op}"
        return None

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of `block[0]` rows, every column a unit."""
        return Structure(choice.block[0], np.arange(weight_shape[1], dtype=np.int64))
