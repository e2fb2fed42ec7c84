"""CIFAR's own binary format: `data_batch_*.bin` and `test_batch.bin`, or `train.bin`, `test.bin`.

A record is one label byte (CIFAR-10) or a coarse and a fine one (CIFAR-100), then 3 x 32 x 32
pixels, channel by channel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.data.errors import DataError
from backend.data.image_data import ImageData, Labels, Pixels, measure_preprocessing

_PIXELS = 3 * 32 * 32


def matches_cifar(path: Path) -> bool:
    """A folder that holds the binary batches."""
    return path.is_dir() and bool(_batches(path)[0])


def load_cifar(path: Path) -> ImageData:
    """Read CIFAR-10 or CIFAR-100.

    Raises:
        DataError: a file is missing or of a wrong length.
    """
    train_files, test_files, label_bytes = _batches(path)
    if not test_files:
        msg = f"{path.name!r} has CIFAR training batches but no test batch"
        raise DataError(msg)
    train, train_labels = _read(train_files, label_bytes)
    test, test_labels = _read(test_files, label_bytes)
    return ImageData(
        name=path.name,
        train_images=train,
        train_labels=train_labels,
        test_images=test,
        test_labels=test_labels,
        classes=_class_names(path, 10 if label_bytes == 1 else 100),
        preprocessing=measure_preprocessing(train),
    )


def _batches(path: Path) -> tuple[list[Path], list[Path], int]:
    ten = sorted(path.glob("data_batch_*.bin"))
    if ten:
        return ten, sorted(path.glob("test_batch.bin")), 1
    return sorted(path.glob("train.bin")), sorted(path.glob("test.bin")), 2


def _read(files: list[Path], label_bytes: int) -> tuple[Pixels, Labels]:
    images, labels = [], []
    for file in files:
        try:
            content = np.fromfile(file, dtype=np.uint8)
        except OSError as error:
            msg = f"{file.name!r} cannot be read: {error.strerror}"
            raise DataError(msg) from None
        if not content.size or content.size % (label_bytes + _PIXELS):
            msg = f"{file.name!r} is not a CIFAR batch: its length is {content.size} bytes"
            raise DataError(msg)
        records = content.reshape(-1, label_bytes + _PIXELS)
        labels.append(records[:, label_bytes - 1].astype(np.int64))
        images.append(records[:, label_bytes:].reshape(-1, 3, 32, 32))
    return np.concatenate(images), np.concatenate(labels)


def _class_names(path: Path, count: int) -> tuple[str, ...]:
    for name in ("batches.meta.txt", "fine_label_names.txt"):
        file = path / name
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
            names = tuple(line.strip() for line in lines if line.strip())
            if len(names) == count:
                return names
    return tuple(str(number) for number in range(count))
