"""Batches for torch: normalised pixels, flips and shifts, on any device."""

from __future__ import annotations

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
        cutout: blacken a square of so many pixels, its centre anywhere in the image (DeVries,
            Taylor: Improved Regularization of CNNs with Cutout, 2017; there it is the mean grey).
    """

    flip: bool = True
    shift: int = 0
    cutout: int = 0


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
    if augmentation.flip:
        images = flip(images, torch.rand(len(images), generator=generator).lt(0.5))
    if augmentation.shift:
        images = _shifted(images, augmentation.shift, generator)
    if augmentation.cutout:
        images = _cut_out(images, augmentation.cutout, generator)
    return images


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Mirror left and right the images (n, c, h, w) where `flipped` (n,) is true."""
    chosen = flipped.to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(3), images)


def _shifted(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    count, _, height, width = images.shape
    offsets = torch.randint(0, 2 * reach + 1, (2, count), generator=generator)
    offsets = offsets.to(images.device)
    rows = offsets[0].view(-1, 1) + torch.arange(height, device=images.device)
    columns = offsets[1].view(-1, 1) + torch.arange(width, device=images.device)
    padded = functional.pad(images, (reach,) * 4)
    index = torch.arange(count, device=images.device).view(-1, 1, 1)
    # advanced indices around the channel axis come first: (n, h, w, c)
    moved = padded[index, :, rows.view(count, -1, 1), columns.view(count, 1, -1)]
    return moved.permute(0, 3, 1, 2)


def _cut_out(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    count, _, height, width = images.shape
    centres = torch.rand((2, count), generator=generator).to(images.device)
    inside = []
    for centre, length in ((centres[0], height), (centres[1], width)):
        first = (centre * length).long().view(-1, 1) - size // 2
        at = torch.arange(length, device=images.device)
        inside.append((at >= first) & (at < first + size))
    square = inside[0].view(count, 1, height, 1) & inside[1].view(count, 1, 1, width)
    return images.masked_fill(square, 0)


def order_batches(order: Tensor, batch: int, *, least: int = 2) -> tuple[Tensor, ...]:
    """An order of examples (n,) cut into batches.

    A last batch of fewer than `least` examples is left out: batch norm cannot train on one. Where
    there are fewer examples than that in all, they are one batch.
    """
    parts = torch.split(order, batch)
    return tuple(part for part in parts if len(part) >= min(least, len(order)))
