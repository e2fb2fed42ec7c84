"""What a training run makes small: a loss of one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional

from backend.data.errors import DataError
from backend.models.graph_module import GraphModule
from backend.training.examples import Batch


class Objective(Protocol):
    """A loss of a net and a batch.

    The trainer calls `loss` in train mode under autocast, once or, where memory is short, several
    times a step with parts of the batch; so it must be a mean over the examples.
    """

    def loss(self, module: GraphModule, batch: Batch) -> Tensor:
        """The loss, a scalar that gradients can be taken of."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """Mean cross-entropy of class scores in nats.

    Attributes:
        label_smoothing: share of the label that is spread over all classes.
    """

    label_smoothing: float = 0.0

    def loss(self, module: GraphModule, batch: Batch) -> Tensor:
        """See `Objective`.

        Raises:
            DataError: a label is not among the net's classes.
        """
        scores = module(batch.x).float()
        require_labels(batch.wanted, scores.shape[1])
        return functional.cross_entropy(scores, batch.wanted, label_smoothing=self.label_smoothing)


def require_labels(labels: Tensor, classes: int) -> None:
    """Refuse labels that a net has no score for.

    Raises:
        DataError: a label is below 0 or not below `classes`.
    """
    least, most = (int(value) for value in labels.aminmax())
    if least < 0 or most >= classes:
        wrong = least if least < 0 else most
        msg = (
            f"there is an image with label {wrong}, but the model has {classes} classes "
            f"(0 to {classes - 1}): correct the labels, or take a model with more outputs"
        )
        raise DataError(msg)
