"""The upconv_7 nets of waifu2x (photo and art, x2): seven layers, 3x3 but for the last.

A picture in, one of twice the size out, less the border that convolutions without padding consume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.models.ncnn_file import NcnnLayer
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

SCALE = 2
BORDER = 7
"""Pixels of the input on each side that the output does not show."""

_FILTERS = (16, 32, 64, 128, 128, 256)
_SLOPE = 0.1


def upconv_7(size: int, layers: Sequence[NcnnLayer] = (), seed: int = 0) -> Graph:
    """The net for square pictures of RGB in 0 to 1.

    Args:
        size: rows and columns of the input, at least 15; the output has 2 * size - 28.
        layers: its published weights; random ones (He normal) when not given.
        seed: of random weights.

    Raises:
        GraphError: the picture is too small, or the weights are of another net.
    """
    if size <= 2 * BORDER:
        msg = f"upconv_7 needs pictures of more than {2 * BORDER} pixels a side, not {size}"
        raise GraphError(msg)
    b = GraphBuilder("upconv_7", seed)
    x = b.input((1, 3, size, size))
    for number, filters in enumerate(_FILTERS, start=1):
        name = f"conv{number}"
        x = b.conv(x, filters, 3, name=name, padding=0, bias=True)
        x = b.add("leaky_relu", x, name=f"relu{number}", alpha=_SLOPE)
    drawn = np.random.default_rng(seed).standard_normal((_FILTERS[-1], 3, 4, 4))
    keys = {
        "weight": b.weight("conv7.weight", drawn / np.sqrt(4 * _FILTERS[-1])),
        "bias": b.weight("conv7.bias", np.zeros(3)),
    }
    graph = b.build(
        b.add(
            "conv_transpose",
            x,
            name="conv7",
            weights=keys,
            stride=(SCALE, SCALE),
            padding=(3, 3, 3, 3),
        )
    )
    return graph if not layers else _with_weights(graph, layers)


def resized(graph: Graph, size: int) -> Graph:
    """The same net and masks for pictures of another size."""
    return upconv_7(size).with_weights(dict(graph.weights))


def _with_weights(graph: Graph, layers: Sequence[NcnnLayer]) -> Graph:
    names = [f"conv{number}" for number in range(1, len(_FILTERS) + 2)]
    wanted = [graph.weights[f"{name}.weight"].values.shape for name in names]
    slopes = [*([_SLOPE] * len(_FILTERS)), None]
    if [layer.weight.shape for layer in layers] != wanted or [
        layer.slope for layer in layers
    ] != slopes:
        msg = "these weights are not of an upconv_7: another number, shape or activation of layers"
        raise GraphError(msg)
    changed = {}
    for name, layer in zip(names, layers, strict=True):
        for role, values in (("weight", layer.weight), ("bias", layer.bias)):
            key = f"{name}.{role}"
            changed[key] = Weight(values)
    return graph.with_weights(changed)
