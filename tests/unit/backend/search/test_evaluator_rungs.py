"""An evaluator at every fidelity: the same result by any path, and no test image before the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.config.search_file import Training
from backend.search import evaluator as evaluator_module
from backend.search.evaluator import Evaluator
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import natural_patterns
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.image_sets import bars, small_net
from tests.fixtures.toolchain import toolchain_cache

DATA = bars(150)
NET = small_net(DATA)
RUNGS = ("stitched", "repaired", {"epochs": 1, "images": 48})
MIDDLE = Candidate.of({"middle": LayerChoice("block_punched", 3.0, block=(4, 2))})
REPLACED = Candidate.of(
    {
        "middle": LayerChoice("block_punched", 2.0, block=(4, 1), filter_type="dw3x3_conv1x1"),
        "wide": LayerChoice("unstructured", 2.0),
    }
)


class WithoutTest:
    """The data of a search that must not look at its test images."""

    def __init__(self) -> None:
        self.train_images = DATA.train_images
        self.train_labels = DATA.train_labels

    def __getattr__(self, name: str) -> object:
        if name.startswith("test_"):
            msg = f"{name} was read before the end of the search"
            raise AssertionError(msg)
        return getattr(DATA, name)


@pytest.fixture
def evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluator:
    torch.set_num_threads(1)
    monkeypatch.setattr(evaluator_module, "open_data", lambda _name: WithoutTest())
    save_graph(NET, tmp_path / "base.safetensors")
    training = Training(repair_images=32, validation_images=16, batch=16, rungs=RUNGS)
    return Evaluator(
        {
            "graph": str(tmp_path / "base.safetensors"),
            "data": "bars",
            "training": training.model_dump(mode="json"),
            "seed": 0,
            "target": "host",
            "cache": str(toolchain_cache()),
            "pattern_sets": [natural_patterns(NET).to_json()],
            "layers": str(tmp_path / "layers"),
        }
    )


def evaluate(
    evaluator: Evaluator, folder: Path, candidate: Candidate, rung: int, **more: str
) -> Mapping[str, Any]:
    payload = {"candidate": candidate.to_json(), "folder": str(folder), "rung": rung, **more}
    return evaluator.evaluate(payload)


def test_training_from_a_stored_repair_is_training_from_a_fresh_one(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    repaired = evaluate(evaluator, tmp_path / "r1", MIDDLE, 1)
    stored = evaluate(evaluator, tmp_path / "r2", MIDDLE, 2, repaired=str(tmp_path / "r1"))
    fresh = evaluate(evaluator, tmp_path / "fresh", MIDDLE, 2)
    assert stored["graph_digest"] == fresh["graph_digest"] != repaired["graph_digest"]
    assert stored["training"]["repair"] == fresh["training"]["repair"]
    assert [found["fidelity"] for found in (repaired, stored)] == [
        "repaired",
        "1 epoch x 48 images",
    ]


@pytest.mark.parametrize(
    "candidate", [MIDDLE, REPLACED, Candidate()], ids=["mask", "type", "dense"]
)
def test_no_rung_reads_test_images_or_trains_on_validation_ones(
    evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, candidate: Candidate
) -> None:
    trained: list[int] = []
    run = evaluator_module.PruningRun

    def watched(*args: Any, **more: Any) -> Any:  # noqa: ANN401
        trained.extend(int(index) for index in args[3])
        return run(*args, **more)

    monkeypatch.setattr(evaluator_module, "PruningRun", watched)
    labels = [label for layer, it in candidate.choices for label in [(layer, it.label)]]
    for layer, label in labels:
        made = evaluator.reconstruct({"layer": layer, "choices": [label]})
        assert made["made"] == 1
        assert made["reports"][0]["label"] == label
    for rung in range(len(RUNGS)):
        found = evaluate(evaluator, tmp_path / f"r{rung}", candidate, rung)
        assert np.isfinite(found["loss"])
    judged = set(evaluator._split.validation_indices.tolist())
    assert len(judged) == 16
    assert not judged & set(trained)
    assert not judged & set(evaluator._split.train_indices.tolist())
    assert len(set(trained)) == 48
    with pytest.raises(AssertionError, match="test_images was read"):
        evaluator.score({"folder": str(tmp_path / "r2")})


def test_stitched_and_repaired_nets_have_the_same_structure(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    found = [evaluate(evaluator, tmp_path / f"r{rung}", REPLACED, rung) for rung in (0, 1)]
    graphs = [load_graph(tmp_path / f"r{rung}" / "graph.safetensors") for rung in (0, 1)]
    assert [node.name for node in graphs[0].nodes] == [node.name for node in graphs[1].nodes]
    assert "middle.dw" in graphs[0].by_name
    rates = [{row["name"]: row["kept"] for row in one["layers"]} for one in found]
    assert rates[0] == rates[1]
    assert found[0]["rate"] == pytest.approx(found[1]["rate"])


def test_dense_net_is_itself_where_nothing_is_trained(evaluator: Evaluator, tmp_path: Path) -> None:
    found = [evaluate(evaluator, tmp_path / f"r{rung}", Candidate(), rung) for rung in (0, 1, 2)]
    assert found[0]["graph_digest"] == found[1]["graph_digest"] == NET.digest
    assert found[2]["graph_digest"] != NET.digest
