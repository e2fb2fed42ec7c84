"""Resizing and gathering: a sparse linear map along one axis after the other."""

from __future__ import annotations

import numpy as np

from codegen.ir.movement_shapes import axis_of
from codegen.ir.node import Node
from codegen.ir.resampling import AxisTable, IntArray, axis_tables
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.lower_movement import own_place
from codegen.lowering.program import Storage
from codegen.lowering.strided_copy import CopyAxis, joined_axes
from codegen.lowering.view import View, view_of


def lower_resize(context: LoweringContext, node: Node) -> None:
    """Lower a resize: axes that shrink most first, and those with neighbours in memory."""
    shape = list(context.shape(node.inputs[0]))
    tables = axis_tables(node, tuple(shape))
    tables.sort(key=lambda table: (table.size / shape[table.axis], -table.axis))
    source = context.view(node.inputs[0])
    if not tables:
        context.define_view(node.name, source)
        return
    for index, table in enumerate(tables):
        shape[table.axis] = table.size
        is_last = index == len(tables) - 1
        layout = natural_layout(tuple(shape))
        output = own_place(context, node) if is_last else context.buffer(layout)
        note = f"{node.text('mode')} resize to {' x '.join(map(str, shape))}"
        emit_axis(context, source, output, tuple(shape), table, node.number("fill"), note)
        source = view_of(output, tuple(shape))
    context.define(node.name, output)


def lower_gather(context: LoweringContext, node: Node) -> None:
    """Lower a choice of items of one axis."""
    indices = np.array(node.integers("indices"), dtype=np.int32)
    axis = axis_of(node.attrs, len(node.type.shape))
    output, note = own_place(context, node), f"{len(indices)} items of axis {axis}"
    source = context.view(node.inputs[0])
    emit_axis(context, source, output, node.type.shape, choice(axis, indices), 0.0, note)
    context.define(node.name, output)


def choice(axis: int, indices: IntArray) -> AxisTable:
    """A table that takes chosen elements as they are."""
    starts = np.arange(len(indices) + 1, dtype=np.int32)
    weights = np.ones(len(indices), dtype=np.float32)
    return AxisTable(axis, starts, indices.astype(np.int32), weights)


def emit_axis(
    context: LoweringContext,
    source: View,
    output: Storage,
    shape: tuple[int, ...],
    table: AxisTable,
    fill: float,
    note: str,
) -> None:
    """One axis of a view by a table, into a storage of the new shape."""
    target = view_of(output, shape)
    loops = _loops(source, target, table.axis)
    if loops is None:
        dense = context.buffer(natural_layout(source.sizes))
        copied = view_of(dense, source.sizes)
        context.move(source, copied, "without gaps")
        source = copied
        loops = _loops(source, target, table.axis)
    assert loops is not None, (source, target)
    planes, rows, inner = loops
    indices, weights = table.even_taps()
    is_outside = np.diff(table.starts) == 0
    context.emit(
        "resample",
        {
            "input": source.address,
            "output": target.address,
            "indices": context.pack(indices * source.steps[table.axis], "int32_t"),
            "weights": None if table.is_choice else context.pack(weights, "float"),
            "outside": context.pack(is_outside, "int32_t") if is_outside.any() else None,
            "input_plane": planes.input_step,
            "input_row": rows.input_step,
            "output_plane": planes.output_step,
            "output_row": rows.output_step,
            "output_step": target.steps[table.axis],
            "rows": rows.size,
            "length": table.size,
            "inner": inner.size,
            "taps": len(indices),
            "fill": fill,
        },
        extent=planes.size * rows.size,
        reads=(Storage(source.space, source.base, source.layout),),
        writes=output,
        note=note,
    )


def _loops(source: View, target: View, axis: int) -> tuple[CopyAxis, CopyAxis, CopyAxis] | None:
    """Planes, rows and neighbours that go around the axis; None where they need more loops."""
    triples = zip(source.sizes, source.steps, target.steps, strict=True)
    others = [CopyAxis(*item) for index, item in enumerate(triples) if index != axis]
    joined = joined_axes([item for item in others if item.size != 1])
    inner = CopyAxis(1, 1, 1)
    if joined and joined[-1].input_step == joined[-1].output_step == 1:
        inner = joined.pop()
    if len(joined) > 2:
        return None
    planes, rows = [CopyAxis(1, 0, 0)] * (2 - len(joined)) + joined
    return planes, rows, inner
