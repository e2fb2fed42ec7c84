"""Class folders that stay on disk: the right crop, the same numbers as in memory, clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.data.batches import normalise
from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import split_validation
from backend.data.streamed import StreamedPixels, is_streamed
from backend.training.classifier import train_classifier
from backend.training.evaluate import evaluate
from backend.training.examples import LabelledImages
from backend.training.recipe import Distillation, Recipe
from backend.training.streamed_images import StreamedImages
from tests.fixtures.class_folder import CLASSES, write_class_folder
from tests.fixtures.image_sets import excited_net, png


@pytest.fixture
def described(tmp_path: Path) -> Path:
    return write_class_folder(tmp_path)


def in_memory(data: ImageData) -> ImageData:
    """The same set with all its pictures decoded."""
    return ImageData(
        data.name,
        data.train_images[:],
        data.train_labels,
        data.test_images[:],
        data.test_labels,
        data.classes,
        data.preprocessing,
    )


def test_set_looks_like_one_in_memory(described: Path) -> None:
    data = open_data(str(described))
    assert is_streamed(data)
    assert (data.classes, data.input_shape) == (CLASSES, (3, 32, 32))
    assert (len(data.train_images), len(data.test_images)) == (24, 12)
    assert data.train_labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    whole = in_memory(data)
    assert whole.train_images.shape == (24, 3, 32, 32)
    index = np.array([3, 20, 3])
    assert np.array_equal(data.train_images[index], whole.train_images[index])
    assert np.array_equal(data.train_images[data.train_labels == 1], whole.train_images[8:16])
    brightest = whole.train_images.mean((2, 3)).argmax(1)
    assert brightest.tolist() == data.train_labels.tolist()
    split, wanted = split_validation(data, 6), split_validation(whole, 6)
    assert np.array_equal(split.train_indices, wanted.train_indices)
    assert open_data(str(described)).digest == data.digest
    (described.parent / "train" / "bear" / "0002.png").write_bytes(png(np.zeros((40, 40, 3), "u1")))
    assert open_data(str(described)).digest != data.digest


def test_shorter_side_is_resized_and_the_middle_taken(tmp_path: Path) -> None:
    """A grey ramp from left to right, 200 x 100: resized to 80 x 40, columns 24 to 55 remain."""
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3))
    (tmp_path / "ramp.png").write_bytes(png(np.ascontiguousarray(ramp)))
    pixels = StreamedPixels((tmp_path / "ramp.png",), size=32, resize=40)
    image = Image.fromarray(np.ascontiguousarray(ramp)).resize((80, 40), Image.Resampling.BILINEAR)
    wanted = np.asarray(image).transpose(2, 0, 1)
    assert np.array_equal(pixels[[0]][0], wanted[:, 4:36, 24:56])
    moved = pixels.crops(np.array([0]), np.array([[2, -5]]))[0]
    assert np.array_equal(moved, wanted[:, 6:38, 19:51])
    edge = pixels.crops(np.array([0]), np.array([[99, 99]]))[0]
    assert np.array_equal(edge, wanted[:, 8:40, 48:80])


def test_examples_are_those_in_memory(described: Path) -> None:
    data = open_data(str(described))
    recipe, indices = Recipe(), np.arange(2, 20)
    part = torch.tensor([0, 5, 17])
    batches = [
        kind(of, indices, recipe).take(part, torch.Generator().manual_seed(4))
        for kind, of in ((StreamedImages, data), (LabelledImages, in_memory(data)))
    ]
    assert torch.equal(batches[0].x, batches[1].x)
    assert torch.equal(batches[0].wanted, batches[1].wanted)
    plain = normalise(torch.from_numpy(data.train_images[indices[[0, 5, 17]]]), data.preprocessing)
    assert not torch.equal(batches[0].x, plain)  # the seed mirrors one of them
    shifted = StreamedImages(data, indices, Recipe(flip=False, shift=3))
    first, again, other = (
        shifted.take(part, torch.Generator().manual_seed(seed)).x for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_and_evaluation_end_as_in_memory(described: Path) -> None:
    data = open_data(str(described))
    whole, net = in_memory(data), excited_net(open_data(str(described)))
    indices = np.arange(24)
    taught = Recipe(epochs=1, batch=6, distillation=Distillation())
    assert train_classifier(net, data, indices, taught, teacher=net).graph.digest != net.digest
    plain = Recipe(epochs=2, batch=6)
    streamed, stored = (train_classifier(net, of, indices, plain).graph for of in (data, whole))
    assert streamed.digest == stored.digest
    seen = [evaluate(streamed, of.test_images, of.test_labels) for of in (data, whole)]
    assert seen[0] == seen[1]


def test_damaged_picture_is_named(described: Path) -> None:
    (described.parent / "train" / "cloud" / "0003.png").write_bytes(b"no picture")
    told = json.loads(described.read_text()) | {"mean": [0.5] * 3, "std": [0.2] * 3}
    described.write_text(json.dumps(told))
    data = open_data(str(described))
    with pytest.raises(DataError, match=r"0003.png' cannot be read"):
        data.train_images[:]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train": "gone"}, "there is no folder"),
        ({"size": 4}, "size is 4; it is a side in pixels, 8 to 4096"),
        ({"resize": 16}, "resize is 16, below the size of 32"),
        ({"mean": [0.5] * 3}, "mean and std are 3 numbers each"),
        ({"colour": 1}, "has no key 'colour'"),
        ({"test": None}, "lacks 'test'"),
        ({"test": "train/apple"}, "holds no pictures"),
    ],
)
def test_wrong_descriptions_are_one_sentence(
    described: Path, change: dict[str, object], sentence: str
) -> None:
    told = json.loads(described.read_text()) | change
    described.write_text(json.dumps({k: v for k, v in told.items() if v is not None}))
    with pytest.raises(DataError, match=sentence) as raised:
        open_data(str(described))
    assert "\n" not in str(raised.value)


def test_class_only_among_the_test_pictures_is_told(described: Path) -> None:
    (described.parent / "val" / "dune").mkdir()
    with pytest.raises(DataError, match="has a class 'dune' that the training pictures do not"):
        open_data(str(described))
    described.write_text("[]")
    with pytest.raises(DataError, match="lacks 'size'"):
        open_data(str(described))
    described.write_text("{")
    with pytest.raises(DataError, match="cannot be read as the description"):
        open_data(str(described))
