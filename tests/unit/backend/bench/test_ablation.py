"""The steps of the ablation of pattern layers, and one layer taken through them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.bench import ablation, kernel_rows
from backend.bench.ablation import LOADS, NONE, TUNING, ablation_schedules
from backend.bench.kernel_row import KernelRow
from backend.cli.main import main
from backend.sparsity.candidate import LayerChoice
from codegen.targets.registry import load_target
from tests.fixtures.toolchain import toolchain_cache

SMALL = KernelRow(
    "small", 16, 24, 9, LayerChoice("pattern", 8.1, patterns="natural-8", group=1)
)  # fmt: skip


@pytest.mark.parametrize("name", ["x86_64-avx512", "x86_64-avx2", "aarch64-a76"])
def test_tuning_has_the_choice_of_what_the_steps_before_it_do(name: str) -> None:
    steps = ablation_schedules(load_target(name))
    assert steps[LOADS][0] in steps[TUNING]
    assert {one.format for one in steps[NONE]} == {"grouped"}


def test_a_pattern_layer_is_measured_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr("backend.bench.kernel_bench.toolchain_cache", lambda _: toolchain_cache())
    monkeypatch.setattr("backend.bench.peak.toolchain_cache", lambda _: toolchain_cache())
    monkeypatch.setattr("backend.bench.kernel_bench._TURN_SECONDS", 0.001)
    monkeypatch.setattr(kernel_rows, "KERNEL_ROWS", (SMALL,))
    monkeypatch.setattr(ablation, "_upto", lambda most: range(most, most + 1))
    report = tmp_path / "rows.json"
    words = ["bench", "kernels", "--ablation", "--isa", "avx2", "--rounds", "2"]
    assert main([*words, "--json", str(report)]) == 0
    rows = json.loads(report.read_text())["rows"]
    assert [row["step"] for row in rows] == list(ablation_schedules(load_target("x86_64-avx2")))
    assert rows[0]["gain"] == 1
    assert all(row["max_relative_error"] < 1e-5 for row in rows)
    assert "+ load redundancy elimination" in capsys.readouterr().out
