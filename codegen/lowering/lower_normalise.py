"""Normalisations that no layer before them took up."""

from __future__ import annotations

import math

import numpy as np

from codegen.ir.node import Node
from codegen.kernels.depthwise_conv import DEPTHWISE_CONV
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.layout import vector
from codegen.lowering.lower_pointwise import emit_broadcast, has_picture, mask_of, source_of
from codegen.lowering.step_emitter import address


def lower_batch_norm(context: LoweringContext, node: Node) -> None:
    """Lower a batch norm as scale and shift of channels."""
    values = {role: context.graph.weights[key].values for role, key in node.weight_items}
    scale = values["gamma"] / np.sqrt(values["variance"] + np.float32(node.number("epsilon")))
    shift = values["beta"] - values["mean"] * scale
    if not has_picture(node.type.shape):
        _scale_channels(context, node, scale, shift)
        return
    source = source_of(context, node, node.inputs[0])
    output = context.buffer(source.layout)
    context.emit(
        "conv_depthwise",
        {
            "input": address(source),
            "output": address(output),
            "mask": mask_of(source.layout),
            "offsets": context.pack(np.zeros(1), "int32_t"),
            "starts": context.pack(np.arange(len(scale) + 1), "int32_t"),
            "taps": context.pack(np.zeros(len(scale)), "uint16_t"),
            "weights": context.pack(scale, "float"),
            "bias": context.pack(shift, "float"),
            "input_plane": source.layout.plane,
            "output_plane": source.layout.plane,
            "vectors": source.layout.vectors(context.lanes),
            "alpha": 0.0,
        },
        extent=source.layout.channels,
        reads=(source,),
        writes=output,
        note="scale and shift of channels",
        tile=DEPTHWISE_CONV.tiles[context.target.registers][0],
    )
    context.define(node.name, output)


def _scale_channels(
    context: LoweringContext, node: Node, scale: np.ndarray, shift: np.ndarray
) -> None:
    """Scale and shift of any value whose axis 1 is the channel."""
    shape = node.type.shape
    row = (len(scale), *(1,) * (len(shape) - 2))
    value = context.flat(node.inputs[0])
    for op, values in (("mul", scale), ("add", shift)):
        constant = context.constant(values.astype(np.float32), vector(len(values)))
        value = emit_broadcast(context, op, [value, constant], [shape, row], shape)
    context.define(node.name, value)


def lower_layer_norm(context: LoweringContext, node: Node) -> None:
    """Lower a layer norm: rows over all axes from one on."""
    shape, axis = node.type.shape, node.integer("axis")
    gamma = context.graph.weights[node.weights["gamma"]].values
    beta = context.graph.weight(node, "beta")
    length = math.prod(shape[axis:])
    _emit_rows(
        context, node, length, gamma, np.zeros(length) if beta is None else beta.values, "element"
    )


def lower_instance_norm(context: LoweringContext, node: Node) -> None:
    """Lower an instance norm: every plane is a row."""
    gamma, beta = (context.graph.weights[node.weights[k]].values for k in ("gamma", "beta"))
    _emit_rows(context, node, math.prod(node.type.shape[2:]), gamma, beta, "channel")


def _emit_rows(
    context: LoweringContext,
    node: Node,
    length: int,
    gamma: np.ndarray,
    beta: np.ndarray,
    variant: str,
) -> None:
    source = context.flat(node.inputs[0])
    output = context.buffer(natural_layout(node.type.shape))
    rows = node.type.elements // length
    context.emit(
        "normalise",
        {
            "input": address(source),
            "output": address(output),
            "gamma": context.pack(gamma, "float"),
            "beta": context.pack(beta, "float"),
            "length": length,
            "channels": len(gamma) if variant == "channel" else 1,
            "epsilon": node.number("epsilon"),
        },
        extent=rows,
        reads=(source,),
        writes=output,
        note=f"{node.op.replace('_', ' ')} of {rows} rows of {length}",
        variant=(variant,),
    )
    context.define(node.name, output)


def lower_local_response(context: LoweringContext, node: Node) -> None:
    """Lower the response of each channel among its neighbours."""
    shape, size = node.type.shape, node.integer("size")
    source = context.flat(node.inputs[0])
    output = context.buffer(natural_layout(shape))
    context.emit(
        "local_response",
        {
            "input": address(source),
            "output": address(output),
            "channels": shape[1],
            "length": math.prod(shape[2:]),
            "before": (size - 1) // 2,
            "after": size - 1 - (size - 1) // 2,
            "scale": node.number("alpha") / size,
            "bias": node.number("bias"),
            "beta": node.number("beta"),
        },
        extent=shape[0] * shape[1],
        reads=(source,),
        writes=output,
        note=f"local response over {size} channels",
    )
    context.define(node.name, output)
