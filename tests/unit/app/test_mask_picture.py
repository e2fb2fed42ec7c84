"""A mask's picture shows each weight once, and whole kernels that are gone as such."""

import numpy as np

from app.theme import LIGHT
from app.viewmodels.masks import mask_picture


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_picture_shows_kept_pruned_and_removed_kernels_in_their_places() -> None:
    mask = np.zeros((2, 2, 3, 3), dtype=bool)
    mask[0, 1, 0, 2] = True
    picture = mask_picture(mask, LIGHT, scale=1)
    assert picture.pixels.shape == (9, 9, 3)
    # filter 0, channel 1, row 0, column 2: after one gap, one kernel and another gap
    assert picture.pixels[1, 1 + 4 + 2].tolist() == rgb(LIGHT.primary)
    assert picture.pixels[2, 5].tolist() == rgb(LIGHT.line)
    assert picture.pixels[1, 1].tolist() == rgb(LIGHT.card)
    assert picture.pixels[0, 0].tolist() == rgb(LIGHT.paper)


def test_kept_pixels_count_the_kept_weights() -> None:
    mask = np.random.default_rng(0).random((5, 7, 3, 3)) < 0.4
    pixels = mask_picture(mask, LIGHT, scale=1).pixels
    assert (pixels == rgb(LIGHT.primary)).all(axis=2).sum() == mask.sum()


def test_large_layers_are_cut_and_say_so() -> None:
    picture = mask_picture(np.ones((64, 48, 3, 3), dtype=bool), LIGHT, scale=2)
    assert (picture.filters, picture.channels) == (32, 32)
    assert (picture.of_filters, picture.of_channels) == (64, 48)


def test_fully_connected_mask_has_one_pixel_a_weight() -> None:
    mask = np.eye(10, 64, dtype=bool)
    picture = mask_picture(mask, LIGHT, scale=1)
    assert picture.pixels.shape == (10, 64, 3)
    assert (picture.pixels == rgb(LIGHT.primary)).all(axis=2).sum() == 10
