"""Movement of values: views where they will do, and one strided copy where they will not."""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.movement_shapes import axis_of, slice_places
from codegen.ir.node import Node
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.layout import planar
from codegen.lowering.lower_algebra import is_striped
from codegen.lowering.program import Storage
from codegen.lowering.view import View, planes_of, view_of


def lower_reshape(context: LoweringContext, node: Node) -> None:
    """Lower a flatten or reshape: the same elements in the same order."""
    context.define_view(node.name, context.raw_view(node.inputs[0]))


def lower_transpose(context: LoweringContext, node: Node) -> None:
    """Lower an exchange of axes."""
    view = context.view(node.inputs[0])
    context.define_view(node.name, view.transposed(node.integers("perm")))


def lower_slice(context: LoweringContext, node: Node) -> None:
    """Lower a cut out of a value; whole channels of a picture stay where they are."""
    view = context.view(node.inputs[0])
    context.define_view(node.name, view.sliced(*slice_places(view.sizes, node.attrs)))


def lower_expand(context: LoweringContext, node: Node) -> None:
    """Lower a repetition along axes of size 1."""
    view = context.view(node.inputs[0])
    context.define_view(node.name, view.expanded(node.type.shape))


def lower_identity(context: LoweringContext, node: Node) -> None:
    """Another name for the same value."""
    context.define_view(node.name, context.raw_view(node.inputs[0]))


def lower_constant(context: LoweringContext, node: Node) -> None:
    """Store a constant value in the weights blob, unless its readers store it in their own way."""
    if is_striped(context.graph, node):
        return
    values = context.graph.weights[node.weights["value"]].values
    context.define(node.name, context.constant(values, natural_layout(values.shape)))


def lower_concat(context: LoweringContext, node: Node) -> None:
    """Lower a join along any axis: every part is copied to its place."""
    shape = node.type.shape
    axis = axis_of(node.attrs, len(shape))
    output = own_place(context, node)
    if output.layout.is_blocked:
        _join_blocks(context, node, output)
        return
    first = 0
    for name in node.inputs:
        sizes = context.shape(name)
        place = _part(view_of(output, shape), axis, first, sizes[axis])
        context.move(context.raw_view(name), place, "into the joined value")
        first += sizes[axis]
    context.define(node.name, output)


def _join_blocks(context: LoweringContext, node: Node, output: Storage) -> None:
    """Copy whole blocks of channels."""
    first = 0
    for name in node.inputs:
        held = _as_planes(context.blocked(name))
        place = _as_planes(replace(output, first=first))
        context.copy(held, place, "into the joined value")
        first += held.layout.channels * output.layout.plane
    context.define(node.name, output)


def _as_planes(storage: Storage) -> Storage:
    """Blocks of channels seen as planes whose columns are the lanes."""
    layout = storage.layout
    width = layout.width * layout.block
    seen = replace(layout, channels=layout.planes, width=width, block=1)
    return replace(storage, layout=seen)


def own_place(context: LoweringContext, node: Node) -> Storage:
    """Room for a node's value: padded planes for a picture, else without gaps."""
    shape = node.type.shape
    if context.kind(node) == "blocked":
        return context.buffer(context.blocked_layout(node.name))
    if is_picture(node.type) and shape[2] * shape[3] > 1:
        return context.buffer(planar(*planes_of(shape), context.spacing[node.name]))
    return context.buffer(natural_layout(shape))


def _part(view: View, axis: int, first: int, size: int) -> View:
    rank = len(view.sizes)
    starts = tuple(first if i == axis else 0 for i in range(rank))
    sizes = tuple(size if i == axis else own for i, own in enumerate(view.sizes))
    return view.sliced(starts, sizes, (1,) * rank)
