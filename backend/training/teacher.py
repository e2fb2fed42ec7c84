"""Scores of a dense net on the training images, computed once and used for every candidate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backend.data.image_data import Pixels
from backend.training.evaluate import predict
from codegen.ir.graph import Graph


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
