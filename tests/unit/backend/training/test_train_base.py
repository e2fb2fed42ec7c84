from __future__ import annotations

import json

import numpy as np

from backend.data.fashion import CLASSES, FASHION_PREPROCESSING
from backend.data.image_data import ImageData
from backend.data.sample import load_sample
from backend.data.splits import FASHION_NAME, split_validation
from backend.models.zoo import WEIGHTS_FOLDER, trained_model


def test_base_models_never_see_the_validation_images_of_the_sample() -> None:
    labels = np.zeros(60_000, np.int64)
    images = np.zeros((60_000, 1, 1, 1), np.uint8)
    everything = ImageData(
        FASHION_NAME, images, labels, images[:1], labels[:1], CLASSES, FASHION_PREPROCESSING
    )
    seen = set(split_validation(everything).train_indices.tolist())
    split = split_validation(load_sample())
    assert len(seen) == 58_000
    assert not seen & set(split.validation_indices.tolist())
    assert seen >= set(split.train_indices.tolist())


def test_shipped_weights_are_those_the_report_tells_of() -> None:
    report = json.loads((WEIGHTS_FOLDER / "resnet20-sample.json").read_text())
    net = trained_model("resnet20")
    assert net.digest == report["graph_digest"]
    assert report["test"]["accuracy"] > 0.93
    assert report["test"]["count"] == 10_000
    assert "train_base" in report["command"]
    assert net.preprocessing is not None and len(net.classes) == 10
