"""Fashion-MNIST as Debian's `dataset-fashion-mnist` ships it: four gzipped IDX files."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.data.errors import DataError
from backend.data.image_data import Labels, Pixels

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


@dataclass(frozen=True)
class FashionMnist:
    """All 60,000 training and 10,000 test images, u8 of (n, 1, 28, 28), with labels of (n,)."""

    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels


def load_fashion_mnist(source: Path) -> FashionMnist:
    """Read the folder of IDX files, or an .npz of the four arrays.

    Raises:
        DataError: nothing readable is there.
    """
    try:
        if source.is_file():
            with np.load(source, allow_pickle=False) as arrays:
                train, test = arrays["train_images"], arrays["test_images"]
                train_labels, test_labels = arrays["train_labels"], arrays["test_labels"]
        else:
            train = _read_idx(source / "train-images-idx3-ubyte.gz", _IMAGE_MAGIC)
            train_labels = _read_idx(source / "train-labels-idx1-ubyte.gz", _LABEL_MAGIC)
            test = _read_idx(source / "t10k-images-idx3-ubyte.gz", _IMAGE_MAGIC)
            test_labels = _read_idx(source / "t10k-labels-idx1-ubyte.gz", _LABEL_MAGIC)
    except (OSError, EOFError, KeyError, ValueError) as error:
        msg = (
            f"{source} does not hold Fashion-MNIST ({error}); install Debian's "
            "dataset-fashion-mnist and name its folder"
        )
        raise DataError(msg) from None
    return FashionMnist(
        train.reshape(-1, 1, 28, 28),
        train_labels.astype(np.int64),
        test.reshape(-1, 1, 28, 28),
        test_labels.astype(np.int64),
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
