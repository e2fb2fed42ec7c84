"""Lowers a convolution by the cheapest of the registered strategies."""

from __future__ import annotations

from codegen.ir.node import Node
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout import Layout, round_up
from codegen.lowering.lower_direct import lower_conv_direct
from codegen.lowering.lower_linear import lower_vector_conv
from codegen.lowering.strategies.strategy import ConvPlan


def lower_conv(context: LoweringContext, node: Node, plan: ConvPlan | None) -> None:
    """Lower a convolution of any stride, padding, dilation and number of groups.

    Without a plan it goes from one pixel to one pixel, or over other axes than a picture's.
    """
    if not is_picture(node.type):
        lower_conv_direct(context, node)
        return
    if plan is None:
        lower_vector_conv(context, node)
        return
    output = plan.emit()
    layout = output.layout
    if layout.height * layout.width == 1:
        size = round_up(layout.channels, 16)
        flat = context.buffer(Layout(layout.channels, 1, 1, 1, 1, 0, size))
        context.copy(output, flat, "without gaps")
        output = flat
    context.define(node.name, output)
