"""Which training images are kept back for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from backend.data.errors import DataError
from backend.data.image_data import ImageData

Indices: TypeAlias = npt.NDArray[np.int64]

SAMPLE_NAME, FASHION_NAME = "sample", "fashion-mnist"
SAMPLE_TRAIN, SAMPLE_VALIDATION = 10_000, 2_000
"""The sample's training images are the first of Fashion-MNIST; its last ones are for validation,
and the shipped weights were trained without them."""


@dataclass(frozen=True)
class Split:
    """Indices into the training images, disjoint; searches see nothing but these.

    The first n training indices hold about equally many images of every class.
    """

    train_indices: Indices
    validation_indices: Indices


def split_validation(data: ImageData, count: int = SAMPLE_VALIDATION, seed: int = 0) -> Split:
    """Keep back `count` training images for validation.

    For the sample they are its last `count`, which the shipped base models have never seen, and for
    all of Fashion-MNIST the same; for other sets they are drawn class by class with the seed. Never
    more than a third is kept back.

    Raises:
        DataError: fewer than three training images, or a count below 1.
    """
    total = len(data.train_labels)
    if count < 1 or total < 3:
        msg = f"{data.name!r} has {total} training images: too few to keep {count} back"
        raise DataError(msg)
    count = min(count, total // 3)
    if data.name in {SAMPLE_NAME, FASHION_NAME}:
        order = np.arange(total, dtype=np.int64)
        end = min(total, SAMPLE_TRAIN)
        kept_back = (order >= end - count) & (order < end)
        return Split(order[~kept_back], order[kept_back])
    rank = _rank_in_class(data, np.random.default_rng(seed))
    # images of equal rank, one per class, lie together: the head of this order is balanced
    order = np.argsort(rank, kind="stable").astype(np.int64)
    return Split(order[count:], np.sort(order[:count]))


def _rank_in_class(data: ImageData, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Position of each image in its shuffled class, as a share of the class's size."""
    rank = np.zeros(len(data.train_labels))
    for label in range(len(data.classes)):
        members = np.flatnonzero(data.train_labels == label)
        rank[random.permutation(members)] = (np.arange(len(members)) + 0.5) / max(len(members), 1)
    return rank
