"""A labelled set of images in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from backend.data.errors import DataError
from codegen.ir.graph import Preprocessing

Pixels: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training and test images with their labels.

    Attributes:
        name: what a user calls the set.
        train_images: u8 of (n, channels, height, width); the test images have the same trailing
            axes.
        train_labels: class indices of (n,).
        classes: one name per class index.
        preprocessing: mean and standard deviation per channel of the training pixels / 255.
    """

    name: str
    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels
    classes: tuple[str, ...]
    preprocessing: Preprocessing

    def __post_init__(self) -> None:
        for part, images, labels in (
            ("training", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.ndim != 4 or images.dtype != np.uint8:
                msg = f"the {part} images of {self.name!r} are not u8 of 4 axes"
                raise DataError(msg)
            if labels.shape != images.shape[:1]:
                msg = f"{self.name!r} has {len(images)} {part} images but {len(labels)} labels"
                raise DataError(msg)
            if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
                msg = f"{self.name!r} has a {part} label outside 0 to {len(self.classes) - 1}"
                raise DataError(msg)
        if not len(self.train_images):
            msg = f"{self.name!r} has no training images"
            raise DataError(msg)
        if self.test_images.shape[1:] != self.train_images.shape[1:]:
            msg = f"training and test images of {self.name!r} differ in size"
            raise DataError(msg)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        _, channels, height, width = self.train_images.shape
        return channels, height, width

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all images, labels and class names."""
        state = hashlib.sha256("\0".join(self.classes).encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            state.update(str(array.shape).encode())
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()


def measure_preprocessing(images: Pixels) -> Preprocessing:
    """Mean and standard deviation of each channel of u8 images (n, c, h, w), of pixel / 255."""
    means: list[float] = []
    deviations: list[float] = []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256) / images[:, channel].size
        levels = np.arange(256) / 255.0
        mean = float(counts @ levels)
        means.append(round(mean, 6))
        # a constant channel has no deviation to divide by
        deviations.append(round(float(np.sqrt(counts @ (levels - mean) ** 2)), 6) or 1.0)
    return Preprocessing(tuple(means), tuple(deviations))
