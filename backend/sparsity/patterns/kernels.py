"""The 3x3 kernels of a net: what patterns are taken from and judged on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from backend.sparsity.patterns.pattern_set import POSITIONS
from codegen.errors import PlanError
from codegen.ir.graph import Graph

FloatArray = npt.NDArray[np.float32]

MOST_KERNELS = 200_000
"""More kernels are sampled: a share of 1 % is then right within 0.07 points (three sigma)."""


def layer_kernels(graph: Graph) -> Iterator[tuple[str, FloatArray]]:
    """Name and kernels, (filters * channels, 9), of every 3x3 convolution of pictures."""
    for node in graph.nodes:
        weight = graph.weight(node, "weight") if node.op == "conv" else None
        if weight is not None and weight.values.shape[2:] == (3, 3):
            yield node.name, weight.values.reshape(-1, POSITIONS)


def net_kernels(graph: Graph, seed: int = 0) -> FloatArray:
    """All 3x3 kernels that are not zero, (kernels, 9); a random sample of a large net's.

    Raises:
        PlanError: the net has no 3x3 convolutions, or their weights are not finite.
    """
    found = []
    for name, kernels in layer_kernels(graph):
        if not np.isfinite(kernels).all():
            msg = f"layer {name!r} of {graph.name!r} has weights that are not finite"
            raise PlanError(msg)
        found.append(kernels[kernels.any(axis=1)])
    count = sum(map(len, found))
    if not count:
        msg = f"{graph.name!r} has no 3x3 convolutions to take patterns from"
        raise PlanError(msg)
    kernels = np.concatenate(found)
    if count > MOST_KERNELS:
        drawn = np.random.default_rng(seed).choice(count, MOST_KERNELS, replace=False)
        kernels = kernels[np.sort(drawn)]
    return np.ascontiguousarray(kernels)
