"""What torch computes for a graph: the word of truth for a package's self-test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from backend.models.graph_module import GraphModule
from codegen.ir.graph import Graph

FloatArray = npt.NDArray[np.float32]


def reference_output(graph: Graph, values: FloatArray) -> FloatArray:
    """Return the output of a graph in evaluation mode.

    Args:
        graph: One input, one output.
        values: f32 of the input's shape; the batch axis is free.
    """
    module = GraphModule(graph)
    module.eval()
    with torch.inference_mode():
        output: torch.Tensor = module(torch.from_numpy(np.ascontiguousarray(values)))
    return np.ascontiguousarray(output.numpy(), dtype=np.float32)
