"""What a dense net computes on unlabelled images: the targets that repair aims at.

Made once for a net and reused for every candidate of a search.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import ceil, prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.sparsity.follower import follower
from backend.sparsity.prune import prunable_layers
from backend.sparsity.run import Run
from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.weight import Weight

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

    def of_images(self, part: slice, images: int) -> tuple[Positions, slice]:
        """Positions in a slice of `images` images, counted from its start, and their samples."""
        each = len(self.image) // max(1, images)
        samples = slice(part.start * each, part.stop * each)
        image = self.image[samples] - part.start
        return Positions(image, self.row[samples], self.column[samples]), samples


@dataclass(frozen=True, eq=False)
class Calibration:
    """Unlabelled images and the dense net's pre-activations at sampled positions.

    Attributes:
        graph: the dense net.
        images: normalised float images (n, c, h, w).
        positions: sampled output positions of each convolution.
        targets: (samples, filters) of each convolution and fully connected layer.
        sums: (samples, filters) of the addition behind a convolution, at its positions, where
            there is one (`backend.sparsity.follower`).
        started: layers whose weights are no more than a start, or that were left out: filter
            types took their place (`backend.sparsity.replaced_calibration`).
        composites: weights by key that filter types start with in place of their factorisation
            (`backend.reconstruction.composite_starts`).
    """

    graph: Graph
    images: Tensor
    positions: Mapping[str, Positions]
    targets: Mapping[str, Tensor]
    sums: Mapping[str, Tensor]
    started: frozenset[str] = frozenset()
    composites: Mapping[str, Weight] = field(default_factory=dict)


def calibrate(graph: Graph, images: Tensor, seed: int = 0) -> Calibration:
    """Run the dense net once on normalised images (n, c, h, w) and keep what repair needs.

    Raises:
        GraphError: a weight of the graph is not a number, or the images are of another size.
    """
    return calibrate_layers(graph, images, [node.name for node in prunable_layers(graph)], seed)


def calibrate_layers(
    graph: Graph, images: Tensor, layers: Collection[str], seed: int = 0
) -> Calibration:
    """As `calibrate`, of some layers alone; without any the net does not run."""
    require_finite(graph)
    _require_size(graph, images)
    if not layers:
        return Calibration(graph, images, {}, {}, {})
    generator = torch.Generator().manual_seed(seed)
    positions: dict[str, Positions] = {}
    targets: dict[str, Tensor] = {}
    sums: dict[str, Tensor] = {}
    wanted = set(layers)
    added: dict[str, list[str]] = {}  # convolutions in front of each addition
    run = Run(graph, images)
    before: Node | None = None

    def keep(node: Node) -> None:
        value = run.values[node.name]
        if node.name in wanted:
            _keep_target(value, node, positions, targets)
        for name in added.get(node.name, ()):
            sums[name] = at_positions(value, positions[name])

    for node in run.nodes():
        if before is not None:
            keep(before)
        if node.op == "conv" and node.name in wanted:
            columns = prod(run.weights[node.weights["weight"]].shape[1:])
            positions[node.name] = _draw_positions(len(images), node, columns, generator)
            behind = follower(graph, node)
            if behind is not None and behind.addition is not None:
                added.setdefault(behind.addition.name, []).append(node.name)
        before = node
    if before is not None:
        keep(before)
    return Calibration(graph, images, positions, targets, sums)


def require_finite(graph: Graph) -> None:
    """Refuse weights that are NaN or infinite; constants may be infinite, as attention's masks are.

    Raises:
        GraphError: names the layer and the weight.
    """
    for node in graph.nodes:
        for role, key in node.weight_items:
            if role != "value" and not np.isfinite(graph.weights[key].values).all():
                msg = (
                    f"layer {node.name!r} has weights that are no numbers ({key!r} holds NaN or "
                    "infinity): the net cannot be pruned; take an earlier copy of it"
                )
                raise GraphError(msg)


def _require_size(graph: Graph, images: Tensor) -> None:
    wanted, given = graph.inputs[0][1].shape[1:], tuple(images.shape[1:])
    if given != wanted or not len(images):
        shapes = ["x".join(map(str, shape)) for shape in (given, wanted)]
        msg = (
            f"{len(images)} images of {shapes[0]} cannot calibrate {graph.name!r}, which reads "
            f"images of {shapes[1]}: scale them first"
        )
        raise GraphError(msg)


def at_positions(value: Tensor, at: Positions) -> Tensor:
    """Values of a picture (n, c, h, w) at sampled positions: (samples, c)."""
    return value[at.image, :, at.row, at.column].contiguous()


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
        targets[node.name] = at_positions(value, positions[node.name])
    else:
        targets[node.name] = value.clone()
