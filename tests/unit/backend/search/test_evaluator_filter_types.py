"""Candidates with filter types as a search runs them: candidate in, checked package out."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from backend.config.search_file import Admm
from backend.search.search_device import LOCAL, open_device
from backend.search.timing import check_package
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.storage.settings import load_settings
from backend.training.algorithms import ALGORITHMS
from codegen.ir.storage import load_graph
from tests.unit.backend.search.test_evaluator_algorithms import NET, evaluate

CANDIDATES = {
    "mixed": {
        "middle": LayerChoice("pattern", 4.5, group=2, filter_type="dw3x3_conv1x1"),
        "wide": LayerChoice("block_punched", 2, block=(4, 2)),
    },
    "expanded": {
        "middle": LayerChoice("block_punched", 2, block=(4, 2), filter_type="conv1x1_dw3x3_conv1x1")
    },
    "smaller": {"middle": LayerChoice("filter", 2, filter_type="conv1x1")},
    "skipped": {"middle": LayerChoice(filter_type="skip")},
}
QUICK = {("one_shot", "mixed"), ("one_shot", "skipped"), ("admm", "expanded"), ("admm", "skipped")}
MATRIX = [
    pytest.param(*pair, marks=[] if pair in QUICK else [pytest.mark.slow])
    for pair in product(ALGORITHMS, CANDIDATES)
]


@pytest.mark.parametrize(("algorithm", "name"), MATRIX)
def test_filter_types_are_trained_built_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, name: str
) -> None:
    candidate = Candidate.of(CANDIDATES[name])
    found = evaluate(
        tmp_path, monkeypatch, candidate, algorithm=algorithm, stages=2, admm=Admm(stages=2)
    )
    folder = tmp_path / "trial"
    graph = load_graph(folder / "graph.safetensors")
    rows = {row["name"]: row for row in found["layers"]}
    assert found["parts"]["middle"] == [
        node.name for node in graph.nodes if node.op == "conv" and node.name.startswith("middle")
    ]
    assert rows["middle"]["filter_type"] == candidate.choice("middle").filter_type
    dense = sum(w.values.size for key, w in NET.weights.items() if w.values.ndim > 1)
    kept = sum(row["kept"] for row in rows.values())
    assert sum(row["before"] for row in rows.values()) == dense
    assert found["rate"] == pytest.approx(dense / kept)
    assert found["seconds"]["fine_tune_s"] > 0
    inputs = np.load(folder / "check_inputs.npy")
    wanted = np.load(folder / "check_outputs.npy")
    with open_device(LOCAL, load_settings()) as device:
        check = check_package(device.agent, folder / "package", inputs, wanted)
    assert check.max_relative_error <= 1e-4
