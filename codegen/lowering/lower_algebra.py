"""Products of matrices, reductions and softmax, of values without gaps and any number of axes."""

from __future__ import annotations

import math

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.kernels.matmul import MATMUL
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.layout import vector
from codegen.lowering.program import Storage
from codegen.lowering.step_emitter import address


def lower_softmax(context: LoweringContext, node: Node) -> None:
    """Lower a softmax over one axis, or its logarithm."""
    shape = node.type.shape
    axis = node.integer("axis") % len(shape)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    source = context.flat(node.inputs[0])
    output = context.buffer(natural_layout(shape))
    words = ("log",) if node.op == "log_softmax" else ()
    context.emit(
        "softmax",
        {
            "input": address(source),
            "output": address(output),
            "length": shape[axis],
            "inner": inner,
        },
        extent=outer * _vectors(context, inner),
        reads=(source,),
        writes=output,
        note=f"{node.op.replace('_', ' ')} of {shape[axis]} values",
        variant=(*words, "row") if inner == 1 else words,
    )
    context.define(node.name, output)


def lower_reduce(context: LoweringContext, node: Node) -> None:
    """Lower a reduction; axes that are no neighbours are taken one run after another."""
    shape = list(context.shape(node.inputs[0]))
    kind = node.op.removeprefix("reduce_")
    value = context.flat(node.inputs[0])
    runs = _runs(node.integers("axes"))
    for first, last in runs:
        length, inner = math.prod(shape[first:last]), math.prod(shape[last:])
        outer = math.prod(shape[:first])
        shape[first:last] = [1] * (last - first)
        output = context.buffer(vector(outer * inner))
        context.emit(
            "reduce",
            {
                "input": address(value),
                "output": address(output),
                "length": length,
                "inner": inner,
                "scale": 1.0 / length if kind == "mean" else 1.0,
            },
            extent=outer * _vectors(context, inner),
            reads=(value,),
            writes=output,
            note=f"{kind} of {length} values",
            variant=("sum" if kind == "mean" else kind, *(("row",) if inner == 1 else ())),
        )
        value = output
    layout = natural_layout(node.type.shape)
    context.define(node.name, Storage(value.space, value.base, layout, value.first))


def _vectors(context: LoweringContext, inner: int) -> int:
    return -(-inner // context.lanes)


def _runs(axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring axes as (first, behind the last), the last run first."""
    runs: list[tuple[int, int]] = []
    for axis in axes:
        if runs and runs[-1][1] == axis:
            runs[-1] = (runs[-1][0], axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs[::-1]


def lower_matmul(context: LoweringContext, node: Node) -> None:
    """Lower a product of matrices; what a batch repeats is read again."""
    shapes = [context.shape(name) for name in node.inputs]
    depth = node.integer("depth")
    rows, columns = node.type.shape[-2:]
    batch = node.type.shape[:-2]
    tile = MATMUL.tiles[context.target.registers][0]
    left, right = context.flat(node.inputs[0]), node.inputs[1]
    starts = [_starts(shape, batch) for shape in shapes]
    # One matrix on the right serves all rows of the left: a single taller product.
    if math.prod(shapes[1][:-2]) == 1 and math.prod(shapes[0][:-2]) == math.prod(batch):
        rows, starts = rows * math.prod(batch), [np.zeros(1), np.zeros(1)]
    stripe, step, skip = tile[1] * context.lanes, columns, tile[1] * context.lanes
    constant = context.graph.by_name.get(right)
    if constant is not None and is_striped(context.graph, constant):
        values = context.graph.weights[constant.weights["value"]].values
        packed = _stripes(values.reshape(depth, columns), stripe)
        matrix = context.constant(packed, vector(packed.size))
        step, skip = stripe, depth * stripe
    else:
        matrix = context.flat(right)
    output = context.buffer(natural_layout(node.type.shape))
    context.emit(
        "matmul",
        {
            "left": address(left),
            "right": address(matrix),
            "output": address(output),
            "left_starts": context.pack(starts[0], "int32_t"),
            "right_starts": context.pack(starts[1], "int32_t"),
            "rows": rows,
            "columns": columns,
            "depth": depth,
            "right_step": step,
            "right_stripe": skip,
        },
        extent=len(starts[0]) * -(-rows // tile[0]),
        reads=(left, matrix),
        writes=output,
        note=f"{len(starts[0])} products of {rows} x {depth} x {columns}",
        tile=tile,
    )
    context.define(node.name, output)


def is_striped(graph: Graph, node: Node) -> bool:
    """Whether a value is a constant matrix that products alone read, on their right."""
    return (
        node.op == "constant"
        and node.name not in graph.outputs
        and math.prod(node.type.shape[:-2]) == 1
        and all(
            user.op == "matmul" and user.inputs[0] != node.name for user in graph.users[node.name]
        )
    )


def _stripes(matrix: np.ndarray, width: int) -> np.ndarray:
    """[stripe][depth][column of the stripe], zeros behind the last column."""
    depth, columns = matrix.shape
    count = -(-columns // width)
    padded = np.zeros((depth, count * width), dtype=np.float32)
    padded[:, :columns] = matrix
    return np.ascontiguousarray(padded.reshape(depth, count, width).transpose(1, 0, 2))


def _starts(shape: tuple[int, ...], batch: tuple[int, ...]) -> np.ndarray:
    """First element of the operand's matrix for each matrix of the output."""
    count, size = math.prod(shape[:-2]), math.prod(shape[-2:])
    index = np.arange(count).reshape(shape[:-2]) * size
    return np.broadcast_to(index, batch).reshape(-1)
