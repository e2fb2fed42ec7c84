"""What a training run learns from: batches of examples by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from backend.data.batches import Augmentation, augment, flip, normalise
from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.training.precision import best_device
from backend.training.recipe import Recipe
from backend.training.teacher import TeacherScores
from codegen.ir.graph import Preprocessing


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples; the first axis of every tensor counts them.

    Attributes:
        x: the net's input, f32 (n, ...).
        wanted: what should come out: class numbers i64 (n,), or whatever the objective reads.
        teacher: the teacher's scores of exactly these inputs, f32 (n, classes), where known.
    """

    x: Tensor
    wanted: Tensor
    teacher: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        teacher = None if self.teacher is None else self.teacher.to(device)
        return Batch(self.x.to(device), self.wanted.to(device), teacher)

    def parts(self, count: int) -> Iterator[Batch]:
        """The batch in `count` parts of nearly equal size."""
        teachers: tuple[Tensor | None, ...] = (None,) * count
        if self.teacher is not None:
            teachers = torch.tensor_split(self.teacher, count)
        xs, wanted = torch.tensor_split(self.x, count), torch.tensor_split(self.wanted, count)
        for x, target, teacher in zip(xs, wanted, teachers, strict=True):
            yield Batch(x, target, teacher)


class Examples(Protocol):
    """A set of examples. The trainer asks for every example once an epoch, in random order."""

    def __len__(self) -> int:
        """How many there are; the same in every epoch."""
        ...

    def take(self, part: Tensor, generator: torch.Generator) -> Batch:
        """The examples of the numbers `part` (i64, CPU).

        All randomness comes from `generator` (CPU), or a resumed run ends elsewhere. The batch may
        lie on any device.
        """
        ...


class LabelledImages:
    """Training images of a data set with their labels, augmented as a recipe says.

    They lie on the training device where they take up to half of its free memory; otherwise only
    each batch is moved there.

    Args:
        data: where the images come from.
        indices: the training images to use, (n,).
        recipe: flip, shift and cutout are read.
        preprocessing: the net's; the data set's when not given.
        teacher: scores of exactly these images, where they are not changed beyond mirroring.
        device: where the net is trained.

    Raises:
        DataError: there are no images, or their channels do not fit the preprocessing.
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
        if not len(indices):
            msg = "there are no images to train on"
            raise DataError(msg)
        self._device = best_device() if device is None else device
        self._preprocessing = preprocessing or data.preprocessing
        self._labels = torch.from_numpy(data.train_labels[indices])
        self._flip = recipe.flip
        self._augmentation = Augmentation(False, recipe.shift, recipe.cutout)
        self._teacher = teacher if recipe.keeps_pixels else None
        self._hold(data, indices)

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, part: Tensor, generator: torch.Generator) -> Batch:
        """Augmented images, normalised, and their labels."""
        flipped = torch.zeros(len(part), dtype=torch.bool)
        if self._flip:
            flipped = torch.rand(len(part), generator=generator).lt(0.5)
        images = self._pixels(part, generator)
        if self._flip:
            images = flip(images, flipped)
        images = augment(images, self._augmentation, generator)
        x = normalise(images, self._preprocessing)
        teacher = None if self._teacher is None else self._teacher.take(part, flipped)
        return Batch(x, self._labels[part], teacher).to(self._device)

    def _hold(self, data: ImageData, indices: Indices) -> None:
        """Keep what `_pixels` takes pictures from."""
        images = torch.from_numpy(data.train_images[indices])
        fits = fits_beside_training(images, self._device)
        self._images = images.to(self._device) if fits else images

    def _pixels(self, part: Tensor, generator: torch.Generator) -> Tensor:
        """The pictures, u8 on the training device."""
        del generator
        return self._images[part.to(self._images.device)].to(self._device)


def fits_beside_training(images: Tensor, device: torch.device) -> bool:
    """Whether images may lie on a device for the whole run: they take half of what is free."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.nbytes <= free // 2
