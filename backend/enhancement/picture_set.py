"""The pictures of a study: a user's own files first, then test images of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from backend.data.image_data import ImageData, Pixels
from backend.data.image_files import ImageFile, fit_picture
from backend.enhancement.errors import EnhancementError
from backend.enhancement.measurement import Labels

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of one size.

    Attributes:
        images: u8 (n, c, h, w).
        labels: class index of each, -1 where nobody knows it, (n,).
        names: what each is called in the report, such as `test-17`.
        source: where they come from, in words.
        classes: names of the classes; may be empty.
    """

    images: Pixels
    labels: Labels
    names: tuple[str, ...]
    source: str
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __add__(self, other: PictureSet) -> PictureSet:
        """These pictures, then the others, of the same size."""
        return PictureSet(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.labels, other.labels]),
            self.names + other.names,
            f"{self.source}, {other.source}",
            self.classes or other.classes,
        )


def drawn_pictures(data: ImageData, count: int, seed: int = 0) -> PictureSet:
    """Test images of a data set, drawn without repetition.

    Raises:
        EnhancementError: no image was asked for, or more than there are.
    """
    there = len(data.test_images)
    if not 1 <= count <= there:
        msg = f"{count} test images of {data.name!r} were asked for: it has {there}"
        raise EnhancementError(msg)
    chosen = np.random.default_rng(seed).permutation(there)[:count]
    return PictureSet(
        np.ascontiguousarray(data.test_images[chosen]),
        data.test_labels[chosen],
        tuple(f"test-{number}" for number in chosen),
        f"{count} test images of {data.name}",
        data.classes,
    )


def user_pictures(files: Iterable[tuple[str, bytes]], input_shape: tuple[int, ...]) -> PictureSet:
    """A user's image files, cut to the shape of the net's input (c, h, w) and scaled to it.

    Args:
        files: pairs of (name, content).
        input_shape: channels, height and width.

    Raises:
        DataError: a file cannot be read as a picture.
        EnhancementError: the net reads neither grey nor colour pictures, or there is no file.
    """
    channels, height, width = input_shape
    if channels not in {1, 3}:
        msg = f"the net reads {channels} channels: only grey and colour pictures can be given"
        raise EnhancementError(msg)
    given = list(files)
    if not given:
        msg = "no picture was given: name at least one image file"
        raise EnhancementError(msg)
    images = [
        fit_picture(ImageFile(PurePosixPath(name), content), (width, height), is_grey=channels == 1)
        for name, content in given
    ]
    return PictureSet(
        np.stack(images),
        np.full(len(images), NO_LABEL, np.int64),
        tuple(PurePosixPath(name).name for name, _ in given),
        f"{len(images)} pictures of yours",
    )
