"""The table of layers, and one row of it measured from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.bench import kernel_rows
from backend.bench.errors import BenchError
from backend.bench.kernel_row import LAYER, KernelRow
from backend.bench.kernel_rows import KERNEL_ROWS, chosen_rows
from backend.cli.main import main
from backend.sparsity.candidate import LayerChoice
from tests.fixtures.toolchain import toolchain_cache

SMALL = KernelRow(
    "small", 16, 24, 9, LayerChoice("block_punched", 4, block=(8, 1)), beside=True,
    asked=(("avx512", 2.0, 3.0),),
)  # fmt: skip


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for row in KERNEL_ROWS]
    assert len(set(names)) == len(names)
    assert "64->256@56k1 block_punched/3/8x1" in names


def test_rows_are_chosen_by_words_of_family_or_name() -> None:
    assert chosen_rows([]) == KERNEL_ROWS
    assert {row.size for row in chosen_rows(["@7k3"])} == {7}
    with pytest.raises(BenchError, match="no layer of the benchmark is called '@8k9'"):
        chosen_rows(["@8k9"])


def test_a_row_is_pruned_as_it_says_and_lies_between_two_layers() -> None:
    graph = SMALL.graph()
    weight = graph.weights[graph.by_name[LAYER].weights["weight"]].values
    kept = (weight != 0).reshape(3, 8, -1)
    assert (kept == kept[:, :1]).all()
    assert weight.size / np.count_nonzero(weight) == pytest.approx(4)
    assert len(SMALL.graph().nodes) == 2 + len(SMALL.single_layer().nodes)


def test_one_row_is_measured_beside_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr("backend.bench.kernel_bench.toolchain_cache", lambda _: toolchain_cache())
    monkeypatch.setattr("backend.bench.peak.toolchain_cache", lambda _: toolchain_cache())
    monkeypatch.setattr("backend.bench.kernel_bench._TURN_SECONDS", 0.001)
    monkeypatch.setattr(kernel_rows, "KERNEL_ROWS", (SMALL,))
    report = tmp_path / "rows.json"
    words = ["bench", "kernels", "--isa", "avx2", "--rounds", "2", "--json", str(report)]
    assert main(words) == 0
    (row,) = json.loads(report.read_text())["rows"]
    assert row["max_relative_error"] < 1e-5
    assert row["nonzero_macs"] == 24 * 4 * 9 * 81
    assert 0 < row["peak_share"] < 1
    assert row["speedup"] == pytest.approx(row["engines_ms"]["onnxruntime"] / row["punchcard_ms"])
    assert "16->24@9k3" in capsys.readouterr().out
    assert main([*words[:3], "mmx"]) == 1
    assert "instruction sets that this computer has" in capsys.readouterr().err
