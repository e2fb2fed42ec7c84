"""Pools over windows and over whole planes."""

from __future__ import annotations

from codegen.ir.node import Node
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.lower_direct import lower_pool_direct
from codegen.lowering.lower_movement import own_place
from codegen.lowering.step_emitter import address


def lower_pool(context: LoweringContext, node: Node) -> None:
    """Lower a maximum or average over windows."""
    is_plain = node.op != "lp_pool" and node.integers("dilation") == (1, 1)
    if not is_plain or not is_picture(node.type):
        lower_pool_direct(context, node)
        return
    is_blocked = context.kind(node) == "blocked"
    source = context.blocked(node.inputs[0]) if is_blocked else context.value(node.inputs[0])
    output = own_place(context, node)
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
        extent=source.layout.planes,
        reads=(source,),
        writes=output,
        note=f"{node.op.replace('_', ' ')} of {kernel[0]} x {kernel[1]}",
        variant=("max" if node.op == "max_pool" else "average", *(("blocked",) * is_blocked)),
    )
    context.define(node.name, output)


def lower_global_pool(context: LoweringContext, node: Node) -> None:
    """Lower the average of whole planes."""
    name = node.inputs[0]
    shape = context.shape(name)
    if shape[2] * shape[3] == 1:
        context.define(node.name, context.flat(name))
        return
    if not is_picture(node.type):
        lower_pool_direct(context, node)
        return
    is_blocked = context.is_blocked(name)
    source = context.blocked(name) if is_blocked else context.planar(name, context.spacing[name])
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
        extent=source.layout.planes,
        reads=(source,),
        writes=output,
        note=f"average of {shape[1]} planes",
        variant=("blocked",) if is_blocked else (),
    )
    context.define(node.name, output)
