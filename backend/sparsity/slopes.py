"""Weight times gradient, batch by batch: what gradient criteria judge layers by.

Without labels the loss is the cross-entropy to classes drawn from the dense net's own output. Its
expected gradient is zero, as that of the divergence from the dense net to itself is: what counts is
its size in each batch, whose mean square is the Fisher information, the second derivative of that
divergence. With labels it is the ordinary loss.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.models.graph_module import GraphModule
from backend.sparsity.prune import prunable_layers
from backend.sparsity.schemes.structure import FloatArray
from codegen.errors import PlanError
from codegen.ir.graph import Graph

_BATCH, _BATCHES = 32, 8


def measure_slopes(
    graph: Graph,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    layers: Collection[str] | None = None,
    seed: int = 0,
) -> Mapping[str, FloatArray]:
    """Slopes w dL/dw of each layer's weight: (batches, filters, columns) by layer.

    Args:
        graph: the dense net, run as for inference.
        images: normalised float images (n, c, h, w); of more than 256 the first 256 are taken.
        labels: class of each image; the net's own output when not given.
        layers: names; all prunable layers when not given.
        seed: of the classes that are drawn.

    Raises:
        PlanError: labels do not fit the images or the net's classes.
    """
    nodes = [node for node in prunable_layers(graph) if layers is None or node.name in set(layers)]
    images = images[: _BATCH * _BATCHES]
    module = GraphModule(graph, channels_last=True).eval()
    weights = [module.weight(node.weights["weight"]) for node in nodes]
    for weight in weights:
        weight.requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[FloatArray]] = {node.name: [] for node in nodes}
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        scores = module(images[part]).flatten(1).float()
        wanted = _wanted(scores, labels, part, len(images), generator)
        loss = functional.cross_entropy(scores, wanted)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for node, weight, gradient in zip(nodes, weights, gradients, strict=True):
            slope = torch.zeros_like(weight) if gradient is None else weight.detach() * gradient
            found[node.name].append(slope.reshape(len(weight), -1).numpy())
    return {name: np.stack(slopes) for name, slopes in found.items()}


def _wanted(
    scores: Tensor, labels: Tensor | None, part: slice, images: int, generator: torch.Generator
) -> Tensor:
    if labels is None:
        drawn = torch.multinomial(scores.detach().softmax(1), 1, generator=generator)
        return drawn.flatten()
    classes = scores.shape[1]
    if len(labels) < images or not bool(((labels >= 0) & (labels < classes)).all()):
        msg = f"the criterion needs a label from 0 to {classes - 1} for each of {images} images"
        raise PlanError(msg)
    return labels[part].long()
