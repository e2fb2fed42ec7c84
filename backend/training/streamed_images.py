"""Examples whose pictures stay on disk: each batch is decoded when its turn has come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.data.streamed import StreamedPixels
from backend.training.examples import LabelledImages


class StreamedImages(LabelledImages):
    """As `LabelledImages`, of a streamed set; a file that cannot be read is a DataError.

    A shift moves the crop within the picture, so that real pixels come in at the border.
    """

    def _hold(self, data: ImageData, indices: Indices) -> None:
        pixels: object = data.train_images
        if not isinstance(pixels, StreamedPixels):
            msg = f"{data.name!r} has no pictures on disk to train on"
            raise DataError(msg)
        self._files, self._reach = pixels, self._augmentation.shift
        self._augmentation = replace(self._augmentation, shift=0)
        self._indices = np.asarray(indices, np.int64)

    def _pixels(self, part: Tensor, generator: torch.Generator) -> Tensor:
        offsets = None
        if self._reach:
            size = (len(part), 2)
            drawn = torch.randint(-self._reach, self._reach + 1, size, generator=generator)
            offsets = drawn.numpy()
        pixels = self._files.crops(self._indices[part.numpy()], offsets)
        return torch.from_numpy(pixels).to(self._device)
