from __future__ import annotations

import json

from backend.data.sample import load_sample
from backend.data.splits import split_validation
from backend.models.zoo import WEIGHTS_FOLDER, trained_model
from backend.training.train_base import training_indices


def test_base_models_never_see_the_validation_images_of_the_sample() -> None:
    seen = set(training_indices(60_000).tolist())
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
