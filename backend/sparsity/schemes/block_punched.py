"""Blocks of filters and channels lose the same kernel positions.

NPAS (CVPR 2021, section 3) and YOLObile (AAAI 2021). Deviation: the authors remove what falls
under one percentile of the whole layer; here every band of `block[0]` filters keeps equally many
units (within one), because the compiled code then has equal work per band and no empty ones.
Sizes that do not divide are allowed: blocks at the ends are smaller.
"""

from __future__ import annotations

from math import prod

import numpy as np

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.schemes.scheme import Scheme, Shape, oversized_block
from backend.sparsity.schemes.structure import Structure
from codegen.ir.node import Node


class BlockPunched(Scheme):
    """A unit is one kernel position in all kernels of a block; right within half a unit."""

    name = "block_punched"
    title = "Block-punched"

    def legal(self, node: Node, weight_shape: Shape) -> str | None:
        """Any convolution; fully connected layers have the block scheme."""
        if node.op != "conv":
            return f"block-punched pruning needs a convolution, this is {node.op}; take block"
        return None

    def problem(
        self, weight_shape: Shape, choice: LayerChoice, entries: int | None = None
    ) -> str | None:
        """A block larger than the whole layer is a mistake; one that reaches over an end is not."""
        oversized = oversized_block(weight_shape, choice, ("filters", "channels"))
        return oversized or super().problem(weight_shape, choice, entries)

    def unit_weights(self, weight_shape: Shape, choice: LayerChoice) -> int:
        """One position of a block."""
        return min(choice.block[0], weight_shape[0]) * min(choice.block[1], weight_shape[1])

    def structure(
        self, weight_shape: Shape, choice: LayerChoice, patterns: PatternSet | None
    ) -> Structure:
        """Bands of `block[0]` filters, units of `block[1]` channels at one position."""
        channels, positions = weight_shape[1], prod(weight_shape[2:])
        of_channel = np.arange(channels, dtype=np.int64) // choice.block[1]
        units = of_channel[:, None] * positions + np.arange(positions)
        return Structure(choice.block[0], units.ravel(), is_balanced=choice.is_balanced)
