"""Rewrites of a graph that keep what it computes at inference; one file each."""

from __future__ import annotations

from collections.abc import Callable

from codegen.ir.graph import Graph
from codegen.ir.passes.fold_batch_norm import fold_batch_norm
from codegen.ir.passes.fold_constants import fold_constants
from codegen.ir.passes.fold_padding import fold_padding
from codegen.ir.passes.fold_scale import fold_scale
from codegen.ir.passes.fuse_activation import fuse_activation
from codegen.ir.passes.fuse_add import fuse_add
from codegen.ir.passes.fuse_gelu import fuse_gelu
from codegen.ir.passes.fuse_hard_gate import fuse_hard_gate
from codegen.ir.passes.lift_pointwise import lift_pointwise
from codegen.ir.passes.remove_dead_channels import remove_dead_channels
from codegen.ir.passes.remove_identities import remove_identities
from codegen.ir.passes.split_conv_transpose import split_conv_transpose
from codegen.ir.verify import verify_graph

__all__ = ["INFERENCE_PASSES", "Pass", "optimize"]

Pass = Callable[[Graph], Graph]

INFERENCE_PASSES: tuple[Pass, ...] = (
    remove_identities,
    fold_constants,
    remove_dead_channels,
    lift_pointwise,
    fold_padding,
    fold_scale,
    fold_batch_norm,
    fuse_gelu,
    fuse_hard_gate,
    fuse_add,
    fuse_activation,
    split_conv_transpose,
)
"""In an order in which one round is enough: no pass makes new work for an earlier one."""


def optimize(graph: Graph) -> Graph:
    """The graph for inference: every pass once, then all rules checked."""
    for rewrite in INFERENCE_PASSES:
        graph = rewrite(graph)
    verify_graph(graph)
    return graph
