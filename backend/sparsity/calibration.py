"""What a dense net computes on unlabelled images: the targets that repair aims at.

Made once for a net and reused for every candidate of a search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

import torch
from torch import Tensor
from torch.nn import functional

from backend.sparsity.prune import prunable_layers
from backend.sparsity.run import Run
from codegen.ir.graph import Graph
from codegen.ir.node import Node

_LEAST_SAMPLES = 8192
_SAMPLES_PER_COLUMN = 16
"""Least squares of K columns sees at least 16 K samples: more bought no accuracy."""


@dataclass(frozen=True, eq=False)
class Positions:
    """Sampled output positions of a layer, the same number in every image.

    Attributes:
        image: index of the image, (samples,).
        row: output row, (samples,).
        column: output column, (samples,).
    """

    image: Tensor
    row: Tensor
    column: Tensor


@dataclass(frozen=True, eq=False)
class Calibration:
    """Unlabelled images and the dense net's pre-activations at sampled positions.

    Attributes:
        graph: the dense net.
        images: normalised float images (n, c, h, w).
        positions: sampled output positions of each convolution.
        targets: (samples, filters) of each convolution and fully connected layer.
    """

    graph: Graph
    images: Tensor
    positions: Mapping[str, Positions]
    targets: Mapping[str, Tensor]


def calibrate(graph: Graph, images: Tensor, seed: int = 0) -> Calibration:
    """Run the dense net once on normalised images (n, c, h, w) and keep what repair needs."""
    generator = torch.Generator().manual_seed(seed)
    positions: dict[str, Positions] = {}
    targets: dict[str, Tensor] = {}
    wanted = {node.name for node in prunable_layers(graph)}
    run = Run(graph, images)
    before: Node | None = None
    for node in run.nodes():
        if before is not None and before.name in wanted:
            _keep_target(run.values[before.name], before, positions, targets)
        if node.op == "conv" and node.name in wanted:
            columns = prod(run.weights[node.weights["weight"]].shape[1:])
            positions[node.name] = _draw_positions(len(images), node, columns, generator)
        before = node
    if before is not None and before.name in wanted:
        _keep_target(run.values[before.name], before, positions, targets)
    return Calibration(graph, images, positions, targets)


def gather_columns(x: Tensor, node: Node, kernel: tuple[int, int], at: Positions) -> Tensor:
    """What a convolution multiplies at sampled positions: (groups, samples, columns).

    Columns are ordered channel by channel, then by kernel row and column, as in the weight.
    """
    top, left, bottom, right = node.integers("padding")
    stride, dilation = node.integers("stride"), node.integers("dilation")
    groups = node.integer("groups")
    padded = functional.pad(x, (left, right, top, bottom)).permute(0, 2, 3, 1).contiguous()
    rows = at.row.view(-1, 1, 1) * stride[0] + torch.arange(kernel[0]).view(-1, 1) * dilation[0]
    columns = at.column.view(-1, 1, 1) * stride[1] + torch.arange(kernel[1]) * dilation[1]
    height, width = padded.shape[1:3]
    index = (at.image.view(-1, 1, 1) * height + rows) * width + columns
    flat = padded.view(-1, padded.shape[3])
    # (samples, positions, channels): whole channel vectors are copied
    taken = flat.index_select(0, index.flatten()).view(
        len(at.row), -1, groups, flat.shape[1] // groups
    )
    return taken.permute(2, 0, 3, 1).reshape(groups, len(at.row), -1)


def _draw_positions(images: int, node: Node, columns: int, generator: torch.Generator) -> Positions:
    height, width = node.type.shape[2:]
    wanted = max(_LEAST_SAMPLES, _SAMPLES_PER_COLUMN * columns)
    each = min(height * width, ceil(wanted / images))
    # a random subset for every image, without repetition
    drawn = torch.rand(images, height * width, generator=generator).topk(each, dim=1).indices
    flat = drawn.sort(dim=1).values.flatten()
    image = torch.arange(images).repeat_interleave(each)
    return Positions(image, flat // width, flat % width)


def _keep_target(
    value: Tensor, node: Node, positions: Mapping[str, Positions], targets: dict[str, Tensor]
) -> None:
    if node.op == "conv":
        at = positions[node.name]
        targets[node.name] = value[at.image, :, at.row, at.column].contiguous()
    else:
        targets[node.name] = value.clone()
