"""Chooses one row stride and guard for all values that a convolution reads in step."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.ops import ACTIVATIONS, BINARY, FUNCTIONS
from codegen.kernels.depthwise_rows import fits_depthwise_rows
from codegen.lowering.layout import Margins, Spacing
from codegen.lowering.taps import conv_taps, direct_margins, strided_margins

_POINTWISE = frozenset({*ACTIVATIONS, *FUNCTIONS, "clip", "batch_norm", "identity", "dropout"})


def plan_spacing(graph: Graph) -> Mapping[str, Spacing]:
    """Spacing of every value of four axes.

    Values joined by pointwise operations, residuals and stride-1 convolutions form a section; its
    spacing serves the neediest reader, so inside a section nothing is ever copied. A strided
    convolution reads phase planes that lie as its output does, or its input as it lies.
    """
    return {name: margins.spacing for name, margins in _join(graph, by_pixel=False).items()}


def plan_pixel_spacing(graph: Graph) -> Mapping[str, Spacing]:
    """The same for blocks of channels.

    There a convolution walks rows of its output and of its input, each with a stride of its own:
    it joins no section, reads strided inputs as they lie, and never touches a pixel beyond its
    padding.
    """
    return {name: margins.exact for name, margins in _join(graph, by_pixel=True).items()}


def _join(graph: Graph, *, by_pixel: bool) -> dict[str, Margins]:
    shapes = {name: kind.shape for name, kind in graph.inputs}
    shapes |= {node.name: node.type.shape for node in graph.nodes}
    parent = {name: name for name, shape in shapes.items() if _is_picture(shape)}
    margins = {name: Margins(row=shapes[name][3]) for name in parent}

    def find(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(first: str, second: str) -> None:
        one, two = find(first), find(second)
        if one != two:
            parent[two] = one
            margins[one] = margins[one].joined(margins[two])

    for node in graph.nodes:
        for source in _in_step(node, shapes, by_pixel=by_pixel):
            join(node.name, source)
        if node.op == "conv" and _is_picture(node.type.shape) and by_pixel:
            root = find(node.inputs[0])
            needed = direct_margins(graph, node, shapes[node.inputs[0]])
            margins[root] = margins[root].joined(needed)
        elif node.op == "conv" and _is_picture(node.type.shape):
            kernel = graph.weights[node.weights["weight"]].values.shape[2:]
            taps = conv_taps(node, shapes[node.inputs[0]], (kernel[0], kernel[1]))
            root = find(node.name)
            margins[root] = margins[root].joined(taps.margins)
            if node.integers("stride") != (1, 1) and _reads_as_it_lies(node, kernel, shapes):
                root = find(node.inputs[0])
                needed = strided_margins(node, shapes[node.inputs[0]], (kernel[0], kernel[1]))
                margins[root] = margins[root].joined(needed)
    return {name: margins[find(name)] for name in parent}


def _reads_as_it_lies(
    node: Node, kernel: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether a strided convolution may read its input without a split into phases."""
    is_depthwise = node.integer("groups") == shapes[node.inputs[0]][1] == node.type.shape[1] > 1
    return is_depthwise and fits_depthwise_rows(
        kernel, node.integers("stride"), node.integers("dilation")
    )


def _in_step(node: Node, shapes: Mapping[str, tuple[int, ...]], *, by_pixel: bool) -> list[str]:
    """Inputs whose elements must lie at the same positions as the output's."""
    if not _is_picture(node.type.shape):
        return []
    if node.op == "conv":
        if by_pixel:
            return []
        strided = node.integers("stride") != (1, 1)
        return list(node.inputs[1:] if strided else node.inputs)
    if node.op in _POINTWISE or node.op in BINARY:
        return [name for name in node.inputs if shapes[name] == node.type.shape]
    # A channel-wise join copies planes; where they lie alike it copies whole rows.
    if node.op == "concat" and node.integer("axis") == 1:
        return list(node.inputs)
    # Cut-out channels stay where they are.
    if node.op == "slice" and shapes[node.inputs[0]][2:] == node.type.shape[2:]:
        return list(node.inputs) if set(node.integers("steps")) == {1} else []
    return []


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[0] == 1
