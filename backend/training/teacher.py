"""Scores of a dense net on the training images, computed once and used for every candidate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from backend.data.image_data import Pixels
from backend.training.evaluate import predict
from codegen.ir.graph import Graph

TEMPERATURE = 4.0
HARD_WEIGHT = 0.1
"""Share of the labels. The net has learnt these images by heart: with a half, a short training of
the dense ResNet-20 lost 0.5 points of test accuracy, with a tenth nothing."""


@dataclass(frozen=True, eq=False)
class TeacherScores:
    """Scores of the images as they are and mirrored, each fp32 (n, classes)."""

    plain: Tensor
    mirrored: Tensor

    def take(self, index: Tensor, flipped: Tensor) -> Tensor:
        """Scores of some images, mirrored where `flipped` is true."""
        return torch.where(flipped.view(-1, 1), self.mirrored[index], self.plain[index])


def teacher_scores(teacher: Graph, images: Pixels) -> TeacherScores:
    """Score u8 images (n, c, h, w) both ways."""
    return TeacherScores(predict(teacher, images), predict(teacher, images[..., ::-1].copy()))


def distillation_loss(scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
    """A tenth cross-entropy, the rest T^2 KL to the teacher; cross-entropy alone without one.

    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network (2015), with T = 4.
    """
    hard = functional.cross_entropy(scores, labels)
    if teacher is None:
        return hard
    soft = functional.kl_div(
        functional.log_softmax(scores / TEMPERATURE, dim=1),
        functional.log_softmax(teacher / TEMPERATURE, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return HARD_WEIGHT * hard + (1.0 - HARD_WEIGHT) * TEMPERATURE**2 * soft
