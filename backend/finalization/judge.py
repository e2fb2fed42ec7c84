"""Judges contestants on the same validation images: losses image by image, paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from codegen.ir.graph import Graph

Losses: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judgement:
    """A net on the validation images.

    Attributes:
        losses: cross-entropy of each image in nats, (n,).
        right: whether each image's highest score is its label's, (n,).
    """

    losses: Losses
    right: npt.NDArray[np.bool_]

    @property
    def loss(self) -> float:
        """Mean loss."""
        return float(self.losses.mean())

    @property
    def loss_se(self) -> float:
        """Standard error of `loss`."""
        return standard_error(self.losses)

    @property
    def accuracy(self) -> float:
        """Share of images that are right."""
        return float(self.right.mean())

    @property
    def accuracy_se(self) -> float:
        """Standard error of `accuracy`, binomial."""
        share = self.accuracy
        return float(np.sqrt(share * (1.0 - share) / len(self.right)))


def judge(graph: Graph, data: ImageData, indices: Indices) -> Judgement:
    """Score some training images that were kept back.

    Raises:
        DataError: there are none, or they do not fit the model.
    """
    import torch
    from torch.nn import functional

    from backend.training.evaluate import predict

    scores = predict(graph, data.train_images[indices])
    labels = torch.from_numpy(data.train_labels[indices])
    losses = functional.cross_entropy(scores.double(), labels, reduction="none")
    return Judgement(losses.numpy(), (scores.argmax(1) == labels).numpy())


def standard_error(values: Losses) -> float:
    """Standard error of a mean; 0 for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def compare(losses: Mapping[str, Losses]) -> tuple[str, dict[str, tuple[float, float]]]:
    """The contestant of least mean loss, and how far behind it each one is.

    Differences are paired: all saw the same images, so their standard errors are far below those
    of the losses themselves.

    Args:
        losses: of each contestant, of the same images in the same order.

    Returns:
        The winner (the first of equals) and (mean difference, its standard error) by name.
    """
    winner = min(losses, key=lambda name: float(losses[name].mean()))
    behind = {name: values - losses[winner] for name, values in losses.items()}
    return winner, {
        name: (float(values.mean()), standard_error(values)) for name, values in behind.items()
    }
