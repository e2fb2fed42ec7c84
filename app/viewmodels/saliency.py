"""What two nets see in one picture as RGB pixels: a map in our colours, a picture as it is."""

import numpy as np
from numpy.typing import NDArray

from app.theme import Palette
from backend.services.enhancement import ExhibitView

Pixels = NDArray[np.uint8]

SIDE = 132  # pixels of the longer side of one tile, about
GAP = 6


def paint_map(strength: Pixels, colours: Palette) -> Pixels:
    """Return a map (h, w), 0 to 255, as (h, w, 3): paper = nothing, over primary, to ink = most."""
    stops = np.array([_rgb(c) for c in (colours.card, colours.primary, colours.ink)], float)
    at = np.linspace(0.0, 255.0, len(stops))
    levels = np.arange(256)
    ramp = np.stack([np.interp(levels, at, stops[:, channel]) for channel in range(3)], axis=1)
    painted: Pixels = np.round(ramp).astype(np.uint8)[strength]
    return painted


def paint_picture(picture: Pixels) -> Pixels:
    """Return a picture (c, h, w) as (h, w, 3); one channel becomes grey."""
    planes = picture if len(picture) == 3 else np.repeat(picture[:1], 3, axis=0)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def sight_strip(exhibit: ExhibitView, method: str, colours: Palette) -> Pixels | None:
    """Return input, dense and pruned side by side, enlarged without smoothing.

    None where the method did not look at this picture.
    """
    sight = exhibit.sights.get(method)
    if sight is None:
        return None
    tiles = [
        paint_map(seen, colours) if seen.ndim == 2 else paint_picture(seen)
        for seen in (exhibit.image, sight.dense, sight.pruned)
    ]
    height, width = tiles[0].shape[:2]
    scale = max(1, SIDE // max(height, width))
    gap = np.full((height * scale, GAP, 3), _rgb(colours.paper), dtype=np.uint8)
    parts: list[Pixels] = []
    for tile in tiles:
        parts += [tile.repeat(scale, axis=0).repeat(scale, axis=1), gap]
    return np.concatenate(parts[:-1], axis=1)


def scale_bar(colours: Palette, height: int = 10) -> Pixels:
    """Return the scale of the maps from nothing to most, (height, 256, 3)."""
    return paint_map(np.tile(np.arange(256, dtype=np.uint8), (height, 1)), colours)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.uint8)
