"""Batch-norm statistics measured again on unlabelled images, after weights have changed."""

from __future__ import annotations

from torch import Tensor

from backend.sparsity.run import Run
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight


def reestimate_batch_norm(graph: Graph, images: Tensor) -> Graph:
    """Replace mean and variance of every batch norm by those of normalised images (n, c, h, w).

    One walk in order: each norm sees what the norms before it, already replaced, let through.
    """
    run = Run(graph, images)
    changed = {}
    for node in run.nodes():
        if node.op != "batch_norm":
            continue
        x = run.values[node.inputs[0]]
        axes = [0, *range(2, x.dim())]
        for role, value in (("mean", x.mean(axes)), ("variance", x.var(axes, correction=0))):
            key = node.weights[role]
            run.weights[key] = value
            changed[key] = Weight(value.numpy())
    return graph.with_weights(changed)
