"""Accuracy of a graph on labelled images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.data.batches import normalise
from backend.data.errors import DataError
from backend.data.image_data import Labels, Pixels
from backend.models.graph_module import GraphModule
from backend.training.precision import autocast, best_device
from codegen.ir.graph import Graph, Preprocessing

_BATCH = 250


@dataclass(frozen=True)
class Accuracy:
    """Result of an evaluation.

    Attributes:
        accuracy: share of images whose highest score is the label's, 0 to 1.
        loss: mean cross-entropy in nats.
        count: number of images.
        standard_error: of `accuracy`, binomial.
    """

    accuracy: float
    loss: float
    count: int
    standard_error: float


def preprocessing_of(graph: Graph) -> Preprocessing:
    """The graph's preprocessing.

    Raises:
        DataError: the graph stores none, so pixels cannot be turned into its input.
    """
    if graph.preprocessing is None:
        msg = f"the model {graph.name!r} stores no preprocessing; give it mean and std per channel"
        raise DataError(msg)
    return graph.preprocessing


def evaluate(graph: Graph, images: Pixels, labels: Labels) -> Accuracy:
    """Accuracy and loss of a graph on u8 images (n, c, h, w) with labels (n,).

    It runs on a GPU where there is one.

    Raises:
        DataError: there are no images, or the graph stores no preprocessing.
    """
    preprocessing = preprocessing_of(graph)
    return evaluate_module(_placed(graph), preprocessing, images, labels)


def evaluate_module(
    module: nn.Module, preprocessing: Preprocessing, images: Pixels, labels: Labels
) -> Accuracy:
    """As `evaluate`, of a module on whatever device it lies; its mode is kept."""
    count = len(images)
    if not count:
        msg = "there are no images to evaluate on"
        raise DataError(msg)
    wanted = torch.from_numpy(labels)
    right, loss = 0, 0.0
    for start, scores in _scores(module, preprocessing, images):
        part = wanted[start : start + len(scores)]
        right += int((scores.argmax(1) == part).sum())
        loss += float(functional.cross_entropy(scores, part, reduction="sum"))
    share = right / count
    return Accuracy(share, loss / count, count, math.sqrt(share * (1.0 - share) / count))


def predict(graph: Graph, images: Pixels) -> Tensor:
    """Scores fp32 (n, classes) of u8 images; they lie on the CPU, wherever the net runs."""
    parts = _scores(_placed(graph), preprocessing_of(graph), images)
    return torch.cat([scores for _, scores in parts])


def _placed(graph: Graph) -> GraphModule:
    return GraphModule(graph, channels_last=True).to(best_device())


def _scores(
    module: nn.Module, preprocessing: Preprocessing, images: Pixels
) -> Iterator[tuple[int, Tensor]]:
    parameter = next(module.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    batch = _BATCH if device.type == "cpu" else 10 * _BATCH
    was_training = module.training
    module.eval()
    try:
        for start in range(0, len(images), batch):
            # images of a streamed set are decoded here, a batch at a time
            pixels = torch.from_numpy(images[start : start + batch])
            x = normalise(pixels.to(device), preprocessing)
            with torch.no_grad(), autocast(device):
                scores = module(x)
            yield start, scores.float().cpu()
    finally:
        module.train(was_training)
