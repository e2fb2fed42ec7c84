from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.data.fashion import CLASSES, FASHION_PREPROCESSING
from backend.data.image_data import ImageData
from backend.data.sample import load_sample
from backend.data.splits import FASHION_NAME, split_validation
from backend.models.zoo import WEIGHTS_FOLDER, trained_model
from backend.training.evaluate import evaluate
from backend.training.train_base import main
from codegen.ir.storage import load_graph
from tests.fixtures.image_sets import bars


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


def test_script_keeps_the_best_seed_and_reports_what_it_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bars(90)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    out = tmp_path / "net.safetensors"
    words = ["train_base", "--data", str(tmp_path / "bars.npz"), "--model", "resnet8"]
    words += ["--seeds", "0,1", "--epochs", "1", "--batch", "16", "--half", "--out", str(out)]
    monkeypatch.setattr("sys.argv", words)
    main()
    report = json.loads(out.with_suffix(".json").read_text())
    stored = load_graph(out)
    assert report["graph_digest"] == stored.digest
    losses = {seed: seen["loss"] for seed, seen in report["validation_of_seeds"].items()}
    assert report["recipe"]["seed"] == int(min(losses, key=losses.__getitem__))
    assert report["recipe"]["model"] == "resnet8" and "--half" in report["command"]
    seen = evaluate(stored, data.test_images, data.test_labels)
    assert report["test"]["loss"] == pytest.approx(seen.loss)
    assert len(stored.classes) == 3 and stored.preprocessing is not None
    values = stored.weights["conv1.weight"].values
    assert np.array_equal(values, values.astype(np.float16))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz", ".safetensors"]


def test_shipped_weights_are_those_the_report_tells_of() -> None:
    report = json.loads((WEIGHTS_FOLDER / "resnet20-sample.json").read_text())
    net = trained_model("resnet20")
    assert net.digest == report["graph_digest"]
    assert report["test"]["accuracy"] > 0.93
    assert report["test"]["count"] == 10_000
    assert "train_base" in report["command"]
    assert net.preprocessing is not None and len(net.classes) == 10
