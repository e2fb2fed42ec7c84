from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backend.data.errors import DataError
from backend.data.registry import open_data
from tests.fixtures.image_sets import bars, png


def write_folder(root: Path, parts: tuple[str, ...] = ("train", "test"), count: int = 6) -> None:
    random = np.random.default_rng(0)
    for part in parts:
        for label in ("cat", "dog"):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (10, 8, 3)).astype(np.uint8)
                (folder / f"{number:02}.png").write_bytes(png(pixels))


def test_folder_with_train_and_test(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "README.txt").write_text("not an image")
    data = open_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert data.train_images.shape == data.test_images.shape == (12, 3, 10, 8)
    assert data.digest == open_data(str(tmp_path)).digest


def test_folder_without_parts_keeps_every_fifth_image_for_the_test(tmp_path: Path) -> None:
    write_folder(tmp_path, ("",), count=10)
    data = open_data(str(tmp_path))
    assert len(data.train_images) == 16
    assert np.bincount(data.test_labels).tolist() == [2, 2]


def test_images_of_other_sizes_and_grey_ones_are_fitted(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "train" / "cat" / "99.png").write_bytes(png(np.full((20, 30), 7, np.uint8)))
    data = open_data(str(tmp_path))
    assert data.train_images.shape == (13, 3, 10, 8)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz"])
def test_archives_give_what_the_folder_gives(tmp_path: Path, suffix: str) -> None:
    root = tmp_path / "images"
    write_folder(root)
    path = tmp_path / f"images{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(root.rglob("*.png")):
                archive.write(file, file.relative_to(tmp_path))
    else:
        with tarfile.open(path, f"w:{suffix.removeprefix('.tar').removeprefix('.')}") as tar:
            for file in sorted(root.rglob("*.png")):
                tar.add(file, str(file.relative_to(tmp_path)))
    assert np.array_equal(open_data(str(path)).train_images, open_data(str(root)).train_images)


def test_numpy_file(tmp_path: Path) -> None:
    data = bars()
    path = tmp_path / "bars.npz"
    np.savez(
        path,
        train_images=data.train_images[:, 0],
        train_labels=data.train_labels.astype(np.uint8),
        test_images=data.test_images.transpose(0, 2, 3, 1),
        test_labels=data.test_labels,
        classes=np.array(data.classes),
    )
    opened = open_data(str(path))
    assert np.array_equal(opened.train_images, data.train_images)
    assert np.array_equal(opened.test_images, data.test_images)
    assert opened.classes == data.classes


def test_cifar_binary_batches(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    records = random.integers(0, 255, (20, 3073)).astype(np.uint8)
    records[:, 0] %= 10
    for name, part in (("data_batch_1", records[:8]), ("data_batch_2", records[8:16])):
        (tmp_path / f"{name}.bin").write_bytes(part.tobytes())
    with pytest.raises(DataError, match="no test batch"):
        open_data(str(tmp_path))
    (tmp_path / "test_batch.bin").write_bytes(records[16:].tobytes())
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    data = open_data(str(tmp_path))
    assert data.train_images.shape == (16, 3, 32, 32)
    assert np.array_equal(data.train_images[9].ravel(), records[9, 1:])
    assert data.train_labels.tolist() == records[:16, 0].tolist()
    assert data.classes == tuple("abcdefghij")
    (tmp_path / "test_batch.bin").write_bytes(records[16:].tobytes()[:-1])
    with pytest.raises(DataError, match="not a CIFAR batch"):
        open_data(str(tmp_path))


def test_missing_and_empty_sets_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no data set 'nowhere'"):
        open_data("nowhere")
    with pytest.raises(DataError, match="images of 0 classes"):
        open_data(str(tmp_path))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no data set; it can be"):
        open_data(str(tmp_path / "notes.txt"))
    write_folder(tmp_path / "one", ("train",))
    with pytest.raises(DataError, match="none is left for the test part"):
        write_folder(tmp_path / "two", ("",), count=2)
        open_data(str(tmp_path / "two"))
