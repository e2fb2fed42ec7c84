"""Pools, joins, padding and reshapes."""

from __future__ import annotations

import math

from codegen.ir.node import Node
from codegen.lowering.context import LoweringContext, address, natural_layout
from codegen.lowering.layout import Layout, planar
from codegen.lowering.program import Storage


def lower_pool(context: LoweringContext, node: Node) -> None:
    """Lower a maximum or average over windows."""
    source = context.value(node.inputs[0])
    output = _picture(context, node)
    kernel, stride, padding = (node.integers(k) for k in ("kernel", "stride", "padding"))
    counts = node.op == "average_pool" and bool(node.attrs["count_include_pad"])
    context.emit(
        "pool",
        {
            "input": address(source),
            "output": address(output),
            "input_plane": source.layout.plane,
            "input_row": source.layout.row,
            "output_plane": output.layout.plane,
            "output_row": output.layout.row,
            "input_height": source.layout.height,
            "input_width": source.layout.width,
            "output_height": output.layout.height,
            "output_width": output.layout.width,
            "kernel_y": kernel[0],
            "kernel_x": kernel[1],
            "stride_y": stride[0],
            "stride_x": stride[1],
            "top": padding[0],
            "left": padding[1],
            "bottom": padding[2],
            "right": padding[3],
            "counts_padding": int(counts),
        },
        extent=source.layout.channels,
        reads=(source,),
        writes=output,
        note=f"{node.op.replace('_', ' ')} of {kernel[0]} x {kernel[1]}",
        variant=("max" if node.op == "max_pool" else "average",),
    )
    context.define(node.name, output)


def lower_global_pool(context: LoweringContext, node: Node) -> None:
    """Lower the average of whole planes."""
    name = node.inputs[0]
    shape = context.shape(name)
    if shape[2] * shape[3] == 1:
        context.define(node.name, context.flat(name))
        return
    source = context.planar(name, context.spacing[name])
    output = context.buffer(natural_layout(node.type.shape))
    context.emit(
        "global_pool",
        {
            "input": address(source),
            "output": address(output),
            "input_plane": source.layout.plane,
            "vectors": source.layout.vectors(context.lanes),
            "scale": 1.0 / (shape[2] * shape[3]),
        },
        extent=shape[1],
        reads=(source,),
        writes=output,
        note=f"average of {shape[1]} planes",
    )
    context.define(node.name, output)


def lower_concat(context: LoweringContext, node: Node) -> None:
    """Lower a join along any axis."""
    shape = node.type.shape
    axis = node.integer("axis") % len(shape)
    if len(shape) == 4 and axis > 0:
        output = _picture(context, node)
        layout = output.layout
        step = (0, layout.plane, layout.row, 1)[axis]
        first = 0
        for name in node.inputs:
            held = context.value(name)
            part = Storage("arena", output.base, layout, first)
            size = (held.layout.height, held.layout.width)
            context.copy(held, part, "into the joined value", size=size)
            first += context.shape(name)[axis] * step
        context.define(node.name, output)
        return
    output = context.buffer(natural_layout(shape))
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    total = shape[axis] * inner
    first = 0
    for name in node.inputs:
        held = context.flat(name)
        length = context.shape(name)[axis] * inner
        source = Storage(held.space, held.base, _rows(outer, length, length))
        part = Storage("arena", output.base, _rows(outer, length, total), first)
        context.copy(source, part, "into the joined value")
        first += length
    context.define(node.name, output)


def lower_pad(context: LoweringContext, node: Node) -> None:
    """Lower constant padding of a picture."""
    top, left, _, _ = node.integers("padding")
    output = _picture(context, node)
    held = context.value(node.inputs[0])
    context.copy(held, output, "with padding", start=(-top, -left), fill=node.number("value"))
    context.define(node.name, output)


def lower_reshape(context: LoweringContext, node: Node) -> None:
    """Lower a flatten or reshape: the same elements without gaps."""
    held = context.flat(node.inputs[0])
    layout = natural_layout(node.type.shape)
    context.define(node.name, Storage(held.space, held.base, layout, held.first))


def lower_identity(context: LoweringContext, node: Node) -> None:
    """Another name for the same value."""
    context.define(node.name, context.value(node.inputs[0]))


def lower_constant(context: LoweringContext, node: Node) -> None:
    """Store a constant value in the weights blob."""
    values = context.graph.weights[node.weights["value"]].values
    context.define(node.name, context.constant(values, natural_layout(values.shape)))


def _picture(context: LoweringContext, node: Node) -> Storage:
    """Room for a value of four axes; one pixel lies without gaps."""
    _, channels, height, width = node.type.shape
    if height * width == 1:
        return context.buffer(natural_layout(node.type.shape))
    return context.buffer(planar(channels, height, width, context.spacing[node.name]))


def _rows(count: int, length: int, step: int) -> Layout:
    """`count` rows of `length`, `step` elements apart."""
    return Layout(count, 1, length, step, length, 0, count * step)
