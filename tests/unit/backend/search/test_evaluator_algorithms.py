"""Every algorithm under every scheme as a search runs it: candidate in, built package out."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
import torch

from backend.config.search_file import Admm, Training
from backend.search import evaluator as evaluator_module
from backend.search.evaluator import Evaluator
from backend.search.results import epochs_of, package_memory
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import natural_patterns
from backend.sparsity.schemes import SCHEMES
from backend.training.algorithms import ALGORITHMS
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.image_sets import bars, small_net
from tests.fixtures.toolchain import toolchain_cache

DATA = bars(150)
NET = small_net(DATA)
QUICK = {("admm", "pattern")}
MATRIX = [
    pytest.param(*pair, marks=[] if pair in QUICK else [pytest.mark.slow])
    for pair in product(ALGORITHMS, [name for name in SCHEMES if name != "dense"])
]


def open_evaluator(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, target: str = "host", **more: object
) -> Evaluator:
    torch.set_num_threads(1)
    monkeypatch.setattr(evaluator_module, "open_data", lambda _name: DATA)
    save_graph(NET, folder / "base.safetensors")
    training = Training(
        images=64, repair_images=32, validation_images=16, batch=16, epochs=2, **more
    )
    return Evaluator(
        {
            "graph": str(folder / "base.safetensors"),
            "data": "bars",
            "training": training.model_dump(mode="json"),
            "seed": 0,
            "target": target,
            "cache": str(toolchain_cache()),
            "pattern_sets": [natural_patterns(NET).to_json()],
        }
    )


def evaluate(folder: Path, monkeypatch: pytest.MonkeyPatch, candidate: Candidate, **more: object):
    payload = {"candidate": candidate.to_json(), "folder": str(folder / "trial")}
    return open_evaluator(folder, monkeypatch, **more).evaluate(payload)


@pytest.mark.parametrize(("algorithm", "scheme"), MATRIX)
def test_every_scheme_and_algorithm_runs_in_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, scheme: str
) -> None:
    rate = 2.0 if scheme == "filter" else 4.5
    layer = "fc" if scheme == "block" else "middle"
    candidate = Candidate.of({layer: LayerChoice(scheme, rate, block=(4, 2), group=4)})
    found = evaluate(tmp_path, monkeypatch, candidate, algorithm=algorithm, stages=2)
    assert found["training"]["algorithm"] == algorithm
    assert bool(found["training"].get("updates")) == (algorithm == "admm")
    stored = json.loads((tmp_path / "trial" / "evaluation.json").read_text())
    assert stored["training"] == found["training"]
    graph = load_graph(tmp_path / "trial" / "graph.safetensors")
    kept = {row["name"]: row["kept"] for row in found["layers"]}
    assert graph.weights[f"{layer}.weight"].nonzeros == kept[layer]
    assert (tmp_path / "trial" / "package" / "manifest.json").is_file()
    assert found["seconds"]["fine_tune_s"] > 0


def test_the_dense_baseline_is_trained_without_being_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evaluate(tmp_path, monkeypatch, Candidate(), algorithm="admm", admm=Admm(stages=2))
    assert found["rate"] == 1.0
    assert found["training"]["algorithm"] == "one_shot"
    assert found["training"]["trainings"][0]["epochs"] == 2


def test_net_that_was_trained_before_is_built_for_another_target_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = Candidate.of({"middle": LayerChoice("filter", 2.0)})
    first = evaluate(tmp_path, monkeypatch, candidate)
    other = open_evaluator(tmp_path, monkeypatch, target="aarch64-generic")
    folders = {"folder": str(tmp_path / "again"), "trained": str(tmp_path / "trial")}
    found = other.rebuild({"candidate": candidate.to_json(), **folders})
    assert (found["accuracy"], found["graph_digest"]) == (first["accuracy"], first["graph_digest"])
    assert (epochs_of(first), epochs_of(found)) == (2, 0)
    again = load_graph(tmp_path / "again" / "graph.safetensors")
    assert again.digest == load_graph(tmp_path / "trial" / "graph.safetensors").digest
    manifest = json.loads((tmp_path / "again" / "package" / "manifest.json").read_text())
    assert "aarch64" in json.dumps(manifest["target"])
    assert package_memory(tmp_path / "again") == (
        manifest["weights_bytes"] + manifest["arena_bytes"]
    )
    assert (tmp_path / "again" / "check_outputs.npy").exists()
