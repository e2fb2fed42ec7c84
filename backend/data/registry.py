"""Kinds of data sets: one file each, one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.data.archive import load_archive, matches_archive
from backend.data.cifar import load_cifar, matches_cifar
from backend.data.errors import DataError
from backend.data.fashion import load_fashion, matches_fashion
from backend.data.folder import load_folder, matches_folder
from backend.data.image_data import ImageData
from backend.data.numpy_file import load_numpy, matches_numpy
from backend.data.sample import load_sample
from backend.data.splits import SAMPLE_NAME
from backend.data.streamed import load_streamed, matches_streamed


@dataclass(frozen=True)
class DataKind:
    """A way to store data sets.

    Attributes:
        title: what people call it.
        matches: whether a path looks like it.
        load: reads it; raises DataError.
    """

    title: str
    matches: Callable[[Path], bool]
    load: Callable[[Path], ImageData]


NAMED: dict[str, Callable[[], ImageData]] = {SAMPLE_NAME: load_sample}
"""Data sets that come with Punchcard."""

DATASETS: dict[str, DataKind] = {
    "cifar": DataKind("CIFAR's binary batches", matches_cifar, load_cifar),
    "fashion": DataKind("Fashion-MNIST's IDX files", matches_fashion, load_fashion),
    "folder": DataKind("a folder of images per class", matches_folder, load_folder),
    "archive": DataKind("a zip or tar of such a folder", matches_archive, load_archive),
    "streamed": DataKind(
        "a .json that describes class folders too large for memory",
        matches_streamed,
        load_streamed,
    ),
    "numpy": DataKind("a NumPy .npz", matches_numpy, load_numpy),
}
"""Kinds of files and folders; the first that matches a path reads it."""


def open_data(spec: str) -> ImageData:
    """Open a data set by its name, or by the path of a folder or file.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    if spec in NAMED:
        return NAMED[spec]()
    path = Path(spec).expanduser()
    if not path.exists():
        msg = f"there is no data set {spec!r}: take {', '.join(NAMED)}, or the path of a folder"
        raise DataError(msg)
    for kind in DATASETS.values():
        if kind.matches(path):
            return kind.load(path)
    titles = "; ".join(kind.title for kind in DATASETS.values())
    msg = f"{path.name!r} is no data set; it can be {titles}"
    raise DataError(msg)
