"""The embedded sample: the first 10,000 training and all 10,000 test images of Fashion-MNIST."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from backend.data.errors import DataError
from backend.data.fashion import CLASSES, FASHION_PREPROCESSING
from backend.data.image_data import ImageData
from backend.data.splits import SAMPLE_NAME

SAMPLE_PATH = Path(__file__).resolve().parents[2] / "assets" / "data" / "fashion-mnist-sample.npz"
SAMPLE_DIGEST = "f35c935499516349665c4c44201e4e538a44ccd01a8c79d9809e5645c3ac9440"
"""`ImageData.digest`: of the content, whatever the compressor made of it."""


def load_sample(path: Path = SAMPLE_PATH) -> ImageData:
    """Read the sample and check its content.

    Raises:
        DataError: the file is missing or its bytes are not those that were shipped.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            data = ImageData(
                name=SAMPLE_NAME,
                train_images=arrays["train_images"],
                train_labels=arrays["train_labels"].astype(np.int64),
                test_images=arrays["test_images"],
                test_labels=arrays["test_labels"].astype(np.int64),
                classes=CLASSES,
                preprocessing=FASHION_PREPROCESSING,
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"the sample data {path.name} cannot be read ({error}); check it out again"
        raise DataError(msg) from None
    if data.digest != SAMPLE_DIGEST:
        msg = f"the sample data {path.name} is damaged (its digest differs); check it out again"
        raise DataError(msg)
    return data
