"""All of Fashion-MNIST as Debian's `dataset-fashion-mnist` ships it: four gzipped IDX files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from backend.data.errors import DataError
from backend.data.image_data import ImageData, Pixels
from backend.data.splits import FASHION_NAME
from codegen.ir.graph import Preprocessing

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_IMAGE_MAGIC, _LABEL_MAGIC = 2051, 2049


FASHION_PREPROCESSING = Preprocessing((0.28604,), (0.353024,))
"""Of all 60,000 training images."""


def matches_fashion(path: Path) -> bool:
    """The folder of IDX files."""
    return (path / "train-images-idx3-ubyte.gz").is_file()


def load_fashion(path: Path) -> ImageData:
    """Read 60,000 training and 10,000 test images, u8 of (n, 1, 28, 28).

    Raises:
        DataError: a file is missing or damaged.
    """
    try:
        train = _read_idx(path / "train-images-idx3-ubyte.gz", _IMAGE_MAGIC)
        train_labels = _read_idx(path / "train-labels-idx1-ubyte.gz", _LABEL_MAGIC)
        test = _read_idx(path / "t10k-images-idx3-ubyte.gz", _IMAGE_MAGIC)
        test_labels = _read_idx(path / "t10k-labels-idx1-ubyte.gz", _LABEL_MAGIC)
    except (OSError, EOFError, ValueError) as error:
        msg = f"{path.name!r} does not hold Fashion-MNIST: {error}"
        raise DataError(msg) from None
    return ImageData(
        name=FASHION_NAME,
        train_images=train.reshape(-1, 1, 28, 28),
        train_labels=train_labels.astype(np.int64),
        test_images=test.reshape(-1, 1, 28, 28),
        test_labels=test_labels.astype(np.int64),
        classes=CLASSES,
        preprocessing=FASHION_PREPROCESSING,
    )


def _read_idx(path: Path, magic: int) -> Pixels:
    with gzip.open(path) as file:
        data = file.read()
    if int.from_bytes(data[:4], "big") != magic:
        msg = f"{path.name} is not an IDX file of the kind {magic}"
        raise ValueError(msg)
    axes = data[3]
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", count=axes, offset=4))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
