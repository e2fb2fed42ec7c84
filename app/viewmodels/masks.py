"""A layer's mask as one picture: kernels as small multiples, kept weights punched."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.theme import Palette

GAP = 1  # pixels between two kernels, before scaling
MAX_FILTERS = 32
MAX_CHANNELS = 32


@dataclass(frozen=True)
class MaskPicture:
    """An RGB picture (height, width, 3) and what of the mask it shows."""

    pixels: NDArray[np.uint8]
    filters: int
    channels: int
    of_filters: int
    of_channels: int


def mask_picture(mask: NDArray[np.bool_], colours: Palette, scale: int = 5) -> MaskPicture:
    """Draw a mask (oc, ic, kh, kw) or (out, in): one row per filter, one cell per kernel.

    Args:
        mask: True where the weight is kept.
        colours: kept = primary, pruned = line, a kernel pruned whole = card.
        scale: picture pixels per weight.

    Returns:
        The first 32 filters and 32 channels (128 × 128 weights for a fully connected layer).
    """
    kernels = mask[:, :, None, None] if mask.ndim == 2 else mask
    of_filters, of_channels, height, width = kernels.shape
    flat = height == width == 1
    filters = min(of_filters, 128 if flat else MAX_FILTERS)
    channels = min(of_channels, 128 if flat else MAX_CHANNELS)
    gap = 0 if flat else GAP
    shown = kernels[:filters, :channels]
    canvas = np.empty(
        (filters * (height + gap) + gap, channels * (width + gap) + gap, 3), dtype=np.uint8
    )
    canvas[:] = _rgb(colours.paper)
    kept, pruned, empty = _rgb(colours.primary), _rgb(colours.line), _rgb(colours.card)
    whole = np.asarray(shown.any(axis=(2, 3)))
    for row in range(height):
        for column in range(width):
            weights = shown[:, :, row, column]
            cell = np.where(weights[..., None], kept, pruned)
            cell = np.where(whole[..., None], cell, empty)
            canvas[gap + row :: height + gap, gap + column :: width + gap][:filters, :channels] = (
                cell
            )
    pixels = canvas.repeat(scale, axis=0).repeat(scale, axis=1)
    return MaskPicture(pixels, filters, channels, of_filters, of_channels)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.uint8)
