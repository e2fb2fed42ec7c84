"""From an optimised graph to a program: one lowering function per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from codegen.formats.blob import Blob
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, BINARY, FUNCTIONS, REDUCTIONS
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout_plan import plan_layouts
from codegen.lowering.lower_algebra import lower_matmul, lower_reduce, lower_softmax
from codegen.lowering.lower_conv import lower_conv
from codegen.lowering.lower_linear import lower_linear
from codegen.lowering.lower_movement import (
    lower_concat,
    lower_constant,
    lower_expand,
    lower_identity,
    lower_reshape,
    lower_slice,
    lower_transpose,
)
from codegen.lowering.lower_normalise import (
    lower_batch_norm,
    lower_instance_norm,
    lower_layer_norm,
    lower_local_response,
)
from codegen.lowering.lower_pad import lower_pad
from codegen.lowering.lower_pointwise import lower_binary, lower_unary
from codegen.lowering.lower_pool import lower_global_pool, lower_pool
from codegen.lowering.lower_resample import lower_gather, lower_resize
from codegen.lowering.program import Program
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

LOWERINGS: Mapping[str, Callable[[LoweringContext, Node], None]] = MappingProxyType(
    {
        "linear": lower_linear,
        "batch_norm": lower_batch_norm,
        **dict.fromkeys(BINARY, lower_binary),
        **dict.fromkeys((*ACTIVATIONS, *FUNCTIONS, "clip"), lower_unary),
        "max_pool": lower_pool,
        "average_pool": lower_pool,
        "lp_pool": lower_pool,
        "global_average_pool": lower_global_pool,
        "concat": lower_concat,
        "flatten": lower_reshape,
        "reshape": lower_reshape,
        "transpose": lower_transpose,
        "slice": lower_slice,
        "expand": lower_expand,
        "gather": lower_gather,
        "pad": lower_pad,
        "resize": lower_resize,
        "softmax": lower_softmax,
        "log_softmax": lower_softmax,
        "matmul": lower_matmul,
        **dict.fromkeys(REDUCTIONS, lower_reduce),
        "layer_norm": lower_layer_norm,
        "instance_norm": lower_instance_norm,
        "local_response_norm": lower_local_response,
        "constant": lower_constant,
        "identity": lower_identity,
        "dropout": lower_identity,
    }
)


def lower(
    graph: Graph,
    target: Target,
    schedules: Mapping[str, Schedule] | None = None,
    blob: Blob | None = None,
    *,
    is_exact: bool = False,
) -> Program:
    """Lower an optimised graph for a target.

    Args:
        graph: what to lower.
        target: what for.
        schedules: fixes those of some layers.
        blob: takes the weights; programs of several targets store equal arrays once in it.
        is_exact: forbids strategies that round more than a plain sum of products does.
    """
    context = LoweringContext(graph, target, schedules, blob, is_exact=is_exact)
    plan = plan_layouts(context)
    context.follow(plan.kinds)
    for node in graph.nodes:
        if node.name in plan.in_bands:
            continue
        context.begin(node)
        if node.op == "conv":
            lower_conv(context, node, plan.convs.get(node.name))
        else:
            LOWERINGS[node.op](context, node)
    return context.finish()
