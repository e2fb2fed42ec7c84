"""Elementwise operations."""

from __future__ import annotations

import math

import numpy as np

from codegen.ir.node import Node
from codegen.ir.ops import GATE
from codegen.lowering.context import LoweringContext, natural_layout
from codegen.lowering.layout import Layout
from codegen.lowering.program import Argument, Mask, Storage
from codegen.lowering.step_emitter import address

_MOVES_ZERO = frozenset({"sigmoid", "hard_sigmoid", "softplus", "exp", "log", "reciprocal"})
"""Functions of which f(0) is not zero."""

_SHARE = 64
"""Least vectors of a share: fewer are done before another thread has heard of them."""

_BREAKS_ZERO = frozenset({"div", "pow"})
"""Functions of two operands of which f(0, 0) is not zero."""


def lower_unary(context: LoweringContext, node: Node) -> None:
    """Lower an activation or a clip."""
    source = source_of(context, node, node.inputs[0])
    name, low, high = node.op, 0.0, 0.0
    if node.op == "clip":
        low, high = node.number("low"), node.number("high")
    elif node.op == "hard_sigmoid":
        low, high = node.number("alpha"), node.number("beta")
        name = "hard_sigmoid" if node.attrs == GATE else "hard_gate"
    elif "alpha" in node.attrs:
        low = node.number("alpha")
    # Padding must stay zero: where f(0) is not, it is masked.
    moves_zero = node.op in _MOVES_ZERO or (node.op == "clip" and not low <= 0 <= high)
    _emit_unary(context, node, source, name, low, high, is_masked=moves_zero)


def _emit_unary(
    context: LoweringContext,
    node: Node,
    source: Storage,
    activation: str,
    alpha: float,
    beta: float,
    *,
    is_masked: bool,
) -> None:
    output = context.buffer(source.layout)
    is_masked = is_masked and _has_planes(source.layout)
    context.emit(
        "unary",
        {
            "input": address(source),
            "output": address(output),
            "mask": mask_of(source.layout) if is_masked else None,
            **_planes(source.layout, context.lanes, ("input_plane", "output_plane")),
            "vectors": _vectors(source.layout, context.lanes),
            "alpha": alpha,
            "beta": beta,
        },
        extent=_extent(source.layout, context.lanes),
        reads=(source,),
        writes=output,
        note=activation.replace("_", " "),
        activation=activation,
        variant=("masked",) if is_masked else (),
        in_place=True,
    )
    context.define(node.name, output)


def lower_binary(context: LoweringContext, node: Node) -> None:
    """Lower a function of two operands that broadcast."""
    shape = node.type.shape
    shapes = [context.shape(name) for name in node.inputs]
    if shapes[0] == shapes[1]:
        sources = [source_of(context, node, name) for name in node.inputs]
        strides = [_stride(source.layout, context.lanes) for source in sources]
        _emit_binary(context, node, sources, strides, (node.op,))
        return
    per_channel = [_is_per_channel(item, shape) for item in shapes]
    if has_picture(shape) and shapes[0] == shape and per_channel[1]:
        full, small = 0, 1
        words: tuple[str, ...] = (node.op, "channel")
    elif has_picture(shape) and shapes[1] == shape and per_channel[0]:
        full, small = 1, 0
        words = (node.op, "channel", "swapped")
    else:
        _emit_broadcast(context, node)
        return
    sources = [source_of(context, node, node.inputs[full]), context.flat(node.inputs[small])]
    step = 1 if math.prod(shapes[small]) > 1 else 0
    if sources[0].layout.is_blocked:
        step, words = context.lanes, (*words, "blocked")
    _emit_binary(context, node, sources, [_stride(sources[0].layout, context.lanes), step], words)


def _emit_binary(
    context: LoweringContext,
    node: Node,
    sources: list[Storage],
    strides: list[int],
    words: tuple[str, ...],
) -> None:
    layout = sources[0].layout
    output = context.buffer(layout)
    is_masked = _has_planes(layout) and ("channel" in words or node.op in _BREAKS_ZERO)
    attrs = node.attrs
    context.emit(
        "binary",
        {
            "left": address(sources[0]),
            "right": address(sources[1]),
            "output": address(output),
            "mask": mask_of(layout) if is_masked else None,
            "left_plane": strides[0],
            "right_plane": strides[1],
            "output_plane": _stride(layout, context.lanes),
            "vectors": _vectors(layout, context.lanes),
            "alpha": float(node.number("alpha")) if "alpha" in attrs else 0.0,
        },
        extent=_extent(layout, context.lanes),
        reads=tuple(sources),
        writes=output,
        note=" ".join(words),
        activation=node.text("activation") if "activation" in attrs else "none",
        variant=(*words, "masked") if is_masked else words,
        in_place="channel" not in words,
    )
    context.define(node.name, output)


def _emit_broadcast(context: LoweringContext, node: Node) -> None:
    output = emit_broadcast(
        context,
        node.op,
        [context.flat(name) for name in node.inputs],
        [context.shape(name) for name in node.inputs],
        node.type.shape,
        activation=node.text("activation") if "activation" in node.attrs else "none",
        alpha=node.number("alpha") if "alpha" in node.attrs else 0.0,
    )
    context.define(node.name, output)


def emit_broadcast(
    context: LoweringContext,
    op: str,
    sources: list[Storage],
    shapes: list[tuple[int, ...]],
    shape: tuple[int, ...],
    *,
    activation: str = "none",
    alpha: float = 0.0,
) -> Storage:
    """A function of two values without gaps that broadcast to a shape."""
    sizes, strides = broadcast_axes(shape, shapes)
    output = context.buffer(natural_layout(shape))
    context.emit(
        "broadcast",
        {
            "left": address(sources[0]),
            "right": address(sources[1]),
            "output": address(output),
            "sizes": context.pack(np.array(sizes), "int32_t"),
            "left_strides": context.pack(np.array(strides[0]), "int32_t"),
            "right_strides": context.pack(np.array(strides[1]), "int32_t"),
            "axes": len(sizes),
            "alpha": alpha,
        },
        extent=math.prod(sizes[:-1]),
        reads=tuple(sources),
        writes=output,
        note=f"{op} with broadcasting",
        activation=activation,
        variant=(op,),
    )
    return output


def broadcast_axes(
    shape: tuple[int, ...], inputs: list[tuple[int, ...]]
) -> tuple[list[int], list[list[int]]]:
    """Sizes of the output's axes and each input's strides, with axes joined where they can be."""
    padded = [(1,) * (len(shape) - len(item)) + item for item in inputs]
    sizes: list[int] = []
    kinds: list[tuple[bool, ...]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        kind = tuple(item[axis] > 1 for item in padded)
        if kinds and kinds[-1] == kind:
            sizes[-1] *= size
        else:
            sizes.append(size)
            kinds.append(kind)
    strides = []
    for index in range(len(inputs)):
        step, found = 1, []
        for size, kind in zip(reversed(sizes), reversed(kinds), strict=True):
            found.append(step if kind[index] else 0)
            step *= size if kind[index] else 1
        strides.append(found[::-1])
    return sizes or [1], [item or [0] for item in strides]


def source_of(context: LoweringContext, node: Node, name: str) -> Storage:
    """An operand in the layout of the node's section."""
    if context.kind(node) == "blocked":
        return context.blocked(name)
    if has_picture(node.type.shape):
        return context.planar(name, context.spacing[node.name])
    return context.flat(name)


def has_picture(shape: tuple[int, ...]) -> bool:
    """Whether a value lies as padded planes: one item of more than one pixel."""
    return len(shape) == 4 and shape[0] == 1 and shape[2] * shape[3] > 1


def _is_per_channel(shape: tuple[int, ...], full: tuple[int, ...]) -> bool:
    padded = (1,) * (len(full) - len(shape)) + shape
    return len(padded) == 4 and padded[2:] == (1, 1) and padded[1] in (1, full[1])


def mask_of(layout: Layout) -> Mask:
    """The mask of padded planes."""
    return Mask(layout.height, layout.width * layout.block, layout.row)


def _has_planes(layout: Layout) -> bool:
    return layout.is_planar or layout.is_blocked


def _stride(layout: Layout, lanes: int) -> int:
    return layout.plane if _has_planes(layout) else _vectors(layout, lanes) * lanes


def _planes(layout: Layout, lanes: int, names: tuple[str, ...]) -> dict[str, Argument]:
    return dict.fromkeys(names, _stride(layout, lanes))


def _vectors(layout: Layout, lanes: int) -> int:
    """Vectors of a plane, or of one thread's share of a value without planes."""
    if _has_planes(layout):
        return layout.vectors(lanes)
    return -(-layout.channels * layout.plane // lanes) // _extent(layout, lanes)


def _extent(layout: Layout, lanes: int) -> int:
    """Planes; a value without any is cut into equal shares for threads where it is long."""
    if _has_planes(layout):
        return layout.planes
    vectors = -(-layout.channels * layout.plane // lanes)
    return next(n for n in (8, 4, 2, 1) if vectors % n == 0 and (n == 1 or vectors >= n * _SHARE))
