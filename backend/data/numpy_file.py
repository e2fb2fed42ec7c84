"""A NumPy .npz of `train_images`, `train_labels`, `test_images`, `test_labels` [, `classes`]."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.data.errors import DataError
from backend.data.image_data import ImageData, Labels, Pixels, measure_preprocessing

_MOST_CLASSES = 100_000


def matches_numpy(path: Path) -> bool:
    """An .npz file."""
    return path.is_file() and path.suffix.lower() == ".npz"


def load_numpy(path: Path) -> ImageData:
    """Read the arrays: images u8 of (n, h, w), (n, c, h, w) or (n, h, w, c), labels of (n,).

    Raises:
        DataError: an array is missing or of another form.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            train = _images(path, "train_images", arrays["train_images"])
            test = _images(path, "test_images", arrays["test_images"])
            train_labels = _labels(path, "train_labels", arrays["train_labels"])
            test_labels = _labels(path, "test_labels", arrays["test_labels"])
            names = [str(item) for item in arrays["classes"]] if "classes" in arrays else None
    except KeyError as error:
        msg = f"{path.name!r} lacks an array: {error.args[0]}"
        raise DataError(msg) from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{path.name!r} cannot be read as a NumPy file: {error}"
        raise DataError(msg) from None
    count = 1 + max(int(train_labels.max(initial=0)), int(test_labels.max(initial=0)))
    if count > _MOST_CLASSES:
        msg = f"{path.name!r} has a label of {count - 1}: too many classes"
        raise DataError(msg)
    return ImageData(
        name=path.stem,
        train_images=train,
        train_labels=train_labels,
        test_images=test,
        test_labels=test_labels,
        classes=tuple(names or (str(number) for number in range(count))),
        preprocessing=measure_preprocessing(train),
    )


def _images(path: Path, key: str, array: npt.NDArray[np.generic]) -> Pixels:
    if array.dtype != np.uint8 or array.ndim not in {3, 4} or not array.size:
        msg = f"{key} of {path.name!r} is {array.dtype} of {array.shape}, not u8 images"
        raise DataError(msg)
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape[1] not in {1, 3} and array.shape[3] in {1, 3}:
        array = array.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(array, dtype=np.uint8)


def _labels(path: Path, key: str, array: npt.NDArray[np.generic]) -> Labels:
    if not np.issubdtype(array.dtype, np.integer):
        msg = f"{key} of {path.name!r} is {array.dtype}, not whole numbers"
        raise DataError(msg)
    return array.reshape(-1).astype(np.int64)
