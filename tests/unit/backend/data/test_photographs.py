"""Pairs of small and large crops of photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.data.errors import DataError
from backend.data.photographs import bicubic, draw_pairs, read_photographs
from tests.fixtures.image_sets import png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name, size in (("b.png", (60, 90)), ("a.png", (48, 48)), ("c.png", (20, 20))):
        pixels = random.integers(0, 255, (*size, 3)).astype(np.uint8)
        (tmp_path / name).write_bytes(png(pixels))
    (tmp_path / "notes.txt").write_text("no photograph")
    return tmp_path


def test_pairs_show_the_same_place_at_half_the_size(folder: Path) -> None:
    photographs = read_photographs(folder)
    assert [p.name for p in photographs] == ["a.png", "b.png", "c.png"]
    pairs = draw_pairs(photographs, each=3, small=16, seed=1)
    assert pairs.small.shape == (6, 3, 16, 16)
    assert pairs.large.shape == (6, 3, 32, 32)
    assert pairs.photographs.tolist() == [0, 0, 0, 1, 1, 1]  # the third is too small
    assert np.array_equal(pairs.small[4], bicubic(pairs.large[4], 16))
    again = draw_pairs(photographs, each=3, small=16, seed=1)
    assert np.array_equal(again.large, pairs.large)


def test_reduced_photographs_are_means_of_squares(folder: Path) -> None:
    whole, small = (read_photographs(folder, reduce)[0].pixels for reduce in (1, 4))
    means = whole.reshape(3, 12, 4, 12, 4).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 1


def test_folders_without_photographs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no photographs"):
        read_photographs(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"a\.png.*cannot be read"):
        read_photographs(tmp_path)


def test_crops_larger_than_every_photograph_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="400 x 400"):
        draw_pairs(read_photographs(folder), each=1, small=200)
