"""Examples whose pictures stay on disk: each batch is decoded when its turn has come."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backend.data.batches import Augmentation, augment, flip, normalise
from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.data.streamed import StreamedPixels
from backend.training.examples import Batch
from backend.training.precision import best_device
from backend.training.recipe import Recipe
from backend.training.teacher import TeacherScores
from codegen.ir.graph import Preprocessing


class StreamedImages:
    """As `LabelledImages`, of a streamed set.

    A shift moves the crop within the picture, so that real pixels come in at the border.

    Args:
        data: a streamed set.
        indices: the training images to use, (n,).
        recipe: flip, shift and cutout are read.
        preprocessing: the net's; the data set's when not given.
        teacher: scores of exactly these images, where they are not changed beyond mirroring.
        device: where the net is trained.

    Raises:
        DataError: there are no images, or the set lies in memory.
    """

    def __init__(
        self,
        data: ImageData,
        indices: Indices,
        recipe: Recipe,
        *,
        preprocessing: Preprocessing | None = None,
        teacher: TeacherScores | None = None,
        device: torch.device | None = None,
    ) -> None:
        pixels: object = data.train_images
        if not len(indices) or not isinstance(pixels, StreamedPixels):
            msg = f"{data.name!r} has no pictures on disk to train on"
            raise DataError(msg)
        self._pixels = pixels
        self._indices = np.asarray(indices, np.int64)
        self._labels = torch.from_numpy(data.train_labels[indices])
        self._device = best_device() if device is None else device
        self._preprocessing = preprocessing or data.preprocessing
        self._flip, self._shift = recipe.flip, recipe.shift
        self._augmentation = Augmentation(False, 0, recipe.cutout)
        self._teacher = teacher if recipe.keeps_pixels else None

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, part: Tensor, generator: torch.Generator) -> Batch:
        """Decoded, cropped and augmented pictures, normalised, and their labels.

        Raises:
            DataError: a file cannot be read; the message names it.
        """
        count, reach = len(part), self._shift
        flipped = torch.zeros(count, dtype=torch.bool)
        if self._flip:
            flipped = torch.rand(count, generator=generator).lt(0.5)
        offsets = None
        if reach:
            drawn = torch.randint(-reach, reach + 1, (count, 2), generator=generator)
            offsets = drawn.numpy()
        pixels = self._pixels.crops(self._indices[part.numpy()], offsets)
        images = flip(torch.from_numpy(pixels).to(self._device), flipped)
        images = augment(images, self._augmentation, generator)
        x = normalise(images, self._preprocessing)
        teacher = None if self._teacher is None else self._teacher.take(part, flipped)
        return Batch(x, self._labels[part], teacher).to(self._device)
