from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.data.build_sample import write_npz
from backend.data.errors import DataError
from backend.data.image_data import measure_preprocessing
from backend.data.registry import open_data
from backend.data.sample import SAMPLE_PATH, load_sample
from backend.data.splits import split_validation
from tests.fixtures.image_sets import bars


def test_sample_is_shipped_small_and_whole() -> None:
    data = open_data("sample")
    assert data.train_images.shape == data.test_images.shape == (10_000, 1, 28, 28)
    assert len(data.classes) == 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert SAMPLE_PATH.stat().st_size < 10_000_000
    measured = measure_preprocessing(data.train_images)
    assert measured.mean == pytest.approx(data.preprocessing.mean, abs=0.01)
    assert measured.std == pytest.approx(data.preprocessing.std, abs=0.01)


def test_a_damaged_sample_is_refused(tmp_path: Path) -> None:
    content = bytearray(SAMPLE_PATH.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / SAMPLE_PATH.name
    path.write_bytes(content)
    with pytest.raises(DataError, match="check it out again"):
        load_sample(path)
    path.write_bytes(content[:1000])
    with pytest.raises(DataError, match="check it out again"):
        load_sample(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_sample(tmp_path / "none.npz")


def test_other_images_than_the_shipped_ones_are_refused(tmp_path: Path) -> None:
    data = bars()
    path = tmp_path / SAMPLE_PATH.name
    arrays = {
        "train_images": data.train_images,
        "train_labels": data.train_labels.astype(np.uint8),
        "test_images": data.test_images,
        "test_labels": data.test_labels.astype(np.uint8),
    }
    first = write_npz(path, arrays)
    assert write_npz(path, arrays) == first, "the same arrays give the same bytes"
    with pytest.raises(DataError, match="digest differs"):
        load_sample(path)


def test_validation_images_of_the_sample_are_its_last_two_thousand() -> None:
    split = split_validation(load_sample())
    assert split.validation_indices.tolist() == list(range(8000, 10_000))
    assert split.train_indices.tolist() == list(range(8000))


def test_other_sets_are_split_evenly_by_class_and_by_seed() -> None:
    data = bars(300)
    split = split_validation(data, 60, seed=3)
    assert not set(split.train_indices) & set(split.validation_indices)
    assert len(split.train_indices) + len(split.validation_indices) == len(data.train_labels)
    kept = np.bincount(data.train_labels[split.validation_indices]) / 60
    whole = np.bincount(data.train_labels) / len(data.train_labels)
    assert kept == pytest.approx(whole, abs=0.03)
    first = np.bincount(data.train_labels[split.train_indices[:30]]) / 30
    assert first == pytest.approx(whole, abs=0.05)  # whoever takes a part gets all classes
    again = split_validation(data, 60, seed=3)
    assert np.array_equal(again.validation_indices, split.validation_indices)
    other = split_validation(data, 60, seed=4)
    assert not np.array_equal(other.validation_indices, split.validation_indices)
    assert len(split_validation(data, 10_000).validation_indices) == len(data.train_labels) // 3
