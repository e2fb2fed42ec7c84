"""The roofline of a profiled run: what bounds a layer, shares, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.bench.peak import MachinePeak
from backend.bench.roofline import roofline, roofline_table
from backend.cli.main import main
from backend.models.zoo import build_model
from codegen.compiler import generate
from codegen.exchange.onnx_exporter import export_onnx
from codegen.targets.registry import host_target
from tests.fixtures.toolchain import toolchain_cache

PEAK = MachinePeak("t", 1, 100.0, ((1 << 20, 50.0), (64 << 20, 10.0)))


def layer(name: str, nonzero_macs: int, weights: int, values: int) -> dict[str, object]:
    return {
        "name": name, "kernel": "k", "format": "grouped", "macs": 2 * nonzero_macs,
        "nonzero_macs": nonzero_macs, "weight_bytes": weights, "activation_bytes": values,
    }  # fmt: skip


def test_each_kind_of_bound_is_told() -> None:
    layers = [
        layer("busy", 50_000_000, 1000, 1000),
        layer("heavy", 1000, 20_000_000, 1000),
        layer("wide", 1000, 1000, 500_000),
    ]
    busy, heavy, wide = roofline(layers, [2.0, 4.0, 0.02], PEAK)
    assert (busy.bound, heavy.bound, wide.bound) == ("compute", "weights", "activations")
    assert busy.gflops == pytest.approx(50.0) and busy.peak_share == pytest.approx(0.5)
    assert busy.roof_ms == pytest.approx(1.0) and busy.roof_share == pytest.approx(0.5)
    # All weights pass through once a run: they come at the bandwidth of their sum.
    assert heavy.roof_ms == pytest.approx(2.0)
    assert wide.roof_ms == pytest.approx(0.01)
    table = roofline_table([busy, heavy, wide], PEAK)
    assert "busy" in table and "50%" in table and "1 MiB 50" in table


def test_manifest_counts_every_byte_of_the_blob_once() -> None:
    manifest = generate(build_model("resnet8"), host_target()).manifest
    conv = next(layer for layer in manifest["layers"] if layer["op"] == "conv")
    assert conv["weight_bytes"] >= 4 * 3 * 3 * 3 * 16
    assert conv["activation_bytes"] >= 4 * 32 * 32 * (3 + 16)
    total = sum(layer["weight_bytes"] for layer in manifest["layers"])
    assert 0.9 * manifest["weights_bytes"] <= total <= 1.5 * manifest["weights_bytes"]


def test_profiled_run_reports_the_roof(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr("backend.bench.peak.READ_BYTES", (24 << 10, 8 << 20))
    (private_home / "cache").mkdir()
    (private_home / "cache" / "toolchain").symlink_to(toolchain_cache())
    (tmp_path / "net.onnx").write_bytes(export_onnx(build_model("resnet8")))
    package = str(tmp_path / "package")
    compiled = ["compile", str(tmp_path / "net.onnx"), "--target", "host", "--out", package]
    assert main(compiled) == 0
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 32, 32), np.float32))
    report = tmp_path / "report.json"
    words = ["--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy")]
    assert main(["run", package, *words, "--profile", "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert found["peak"]["gflops"] > 0.5
    for row in found["layers"]:
        assert {"name", "ms", "macs", "nonzero_macs", "kernel", "bound", "gflops"} <= set(row)
    assert any(row["bound"] == "compute" for row in found["layers"])
