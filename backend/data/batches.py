"""Batches for torch: normalised pixels, flips and shifts, on any device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from backend.data.errors import DataError
from codegen.ir.graph import Preprocessing


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        flip: mirror left and right, each image with probability one half.
        shift: move by up to so many pixels in y and x; the border is filled with black.
    """

    flip: bool = True
    shift: int = 0


def normalise(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """u8 images (n, c, h, w) to the float input of the net: (pixel / 255 - mean) / std.

    Raises:
        DataError: the images have another number of channels than the preprocessing.
    """
    if images.shape[1] != len(preprocessing.mean):
        msg = (
            f"the images have {images.shape[1]} channels, "
            f"the model's preprocessing {len(preprocessing.mean)}"
        )
        raise DataError(msg)
    mean = torch.tensor(preprocessing.mean, device=images.device).view(1, -1, 1, 1)
    deviation = torch.tensor(preprocessing.std, device=images.device).view(1, -1, 1, 1)
    return (images.float() / 255.0 - mean) / deviation


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Randomly changed copies of u8 images (n, c, h, w); draws come from `generator` (CPU)."""
    count, _, height, width = images.shape
    if augmentation.flip:
        images = flip(images, torch.rand(count, generator=generator).lt(0.5))
    if augmentation.shift:
        reach = augmentation.shift
        offsets = torch.randint(0, 2 * reach + 1, (2, count), generator=generator)
        offsets = offsets.to(images.device)
        rows = offsets[0].view(-1, 1) + torch.arange(height, device=images.device)
        columns = offsets[1].view(-1, 1) + torch.arange(width, device=images.device)
        padded = functional.pad(images, (reach,) * 4)
        index = torch.arange(count, device=images.device).view(-1, 1, 1)
        # advanced indices around the channel axis come first: (n, h, w, c)
        moved = padded[index, :, rows.view(count, -1, 1), columns.view(count, 1, -1)]
        images = moved.permute(0, 3, 1, 2)
    return images


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Mirror left and right the images (n, c, h, w) where `flipped` (n,) is true."""
    chosen = flipped.to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(3), images)


def shuffled_batches(
    count: int, batch: int, generator: torch.Generator, *, least: int = 2
) -> Iterator[Tensor]:
    """Random batches of the indices 0 to count - 1.

    A last batch of fewer than `least` images is left out: batch norm cannot train on it.
    """
    order = torch.randperm(count, generator=generator)
    for start in range(0, count, batch):
        part = order[start : start + batch]
        if len(part) >= min(least, count):
            yield part
