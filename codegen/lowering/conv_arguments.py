"""What all microkernels of convolutions are given alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.ir.node import Node
from codegen.lowering.context import LoweringContext
from codegen.lowering.program import Argument, Mask, Storage
from codegen.lowering.step_emitter import address

FloatArray = npt.NDArray[np.float32]


def conv_arguments(
    context: LoweringContext,
    node: Node,
    source: Storage,
    residual: Storage | None,
    output: Storage,
) -> dict[str, Argument]:
    """Addresses, mask and slope."""
    layout = output.layout
    return {
        "input": address(source),
        "residual": None if residual is None else address(residual),
        "output": address(output),
        "mask": Mask(layout.height, layout.width, layout.row),
        "alpha": node.number("alpha"),
    }


def conv_bias(context: LoweringContext, node: Node) -> FloatArray:
    """Bias of a layer with weights; zeros where it has none."""
    bias = context.graph.weight(node, "bias")
    if bias is not None:
        return bias.values
    return np.zeros(len(context.graph.weights[node.weights["weight"]].values), dtype=np.float32)
