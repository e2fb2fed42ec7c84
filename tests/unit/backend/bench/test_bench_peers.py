"""The peers' harness: engines as data, what it refuses, ratios, and a whole worker."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from backend.bench.engine_list import (
    engine_of,
    engines,
    missing_engines,
    required_variants,
    role_of,
)
from backend.bench.engine_process import EngineProcess
from backend.bench.errors import BenchError
from backend.bench.peer_bench import check_engines, ratios
from backend.bench.peer_report import engine_table, summary_table
from backend.cli.main import main
from backend.models.graph_module import GraphModule
from backend.models.zoo import build_model
from codegen.exchange.onnx_exporter import export_onnx


def test_every_engine_has_its_file_and_pins() -> None:
    folder = Path(sys.modules["backend.bench.engine_list"].__file__ or "").parent / "engines"
    for engine in engines():
        assert (folder / f"{engine.name}_engine.py").is_file()
        assert all("==" in pin for pin in (*engine.requirements, *engine.no_deps))
        assert bool(engine.requirements) == bool(engine.folder)
    assert set(required_variants()) == {
        "onnxruntime", "openvino", "ncnn", "mnn", "litert", "torch",
    }  # fmt: skip
    assert role_of("mnn:sparse") == role_of("deepsparse") == "sparse"
    with pytest.raises(BenchError, match="no engine 'tvm'"):
        engine_of("tvm")


def test_missing_dense_engine_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "ncnn" / "bin").mkdir(parents=True)
    (tmp_path / "ncnn" / "bin" / "python").touch()
    absent = missing_engines(tmp_path, required_variants())
    assert absent == ("onnxruntime", "openvino", "mnn", "litert")  # torch is in our own
    with pytest.raises(BenchError, match="onnxruntime, openvino, mnn, litert not found"):
        check_engines(tmp_path, required_variants())


def rows(**changed: float) -> list[dict[str, object]]:
    times = {name: 10.0 + at for at, name in enumerate(required_variants())}
    times = {"punchcard": 4.0, **times, "mnn:sparse": 8.0, **changed}
    return [
        {"engine": name, "median_ms": ms, "p10_ms": ms, "p90_ms": ms, "is_wrong": False,
         "relative_difference": 1e-6, "peak_rss_bytes": 1_000_000}
        for name, ms in times.items()
    ]  # fmt: skip


def test_fastest_dense_is_the_minimum_of_dense_engines_alone() -> None:
    found = ratios(rows(ncnn=7.0))
    assert found["fastest_dense"] == "ncnn"
    assert found["over_fastest_dense"] == pytest.approx(1.75)
    assert found["speedups"]["mnn:sparse"] == 2.0


def test_wrong_dense_engine_leaves_no_minimum() -> None:
    taken = rows()
    taken[3]["is_wrong"] = True
    with pytest.raises(BenchError, match=f"{taken[3]['engine']} computed something else"):
        ratios(taken)


def test_tables_tell_what_was_left_out() -> None:
    taken = rows()
    taken[-1]["is_wrong"] = True
    taken.append({"engine": "deepsparse", "error": "not installed"})
    row = {
        "net": "n", "threads": 2, "tuned": False, "peak_gflops": 100.0, "nonzero_macs": 1e6,
        "engines": taken, **ratios(taken),
    }  # fmt: skip
    table = engine_table(row)
    assert "(left out)" in table and "not installed" in table
    assert "| n | 2 | 4.000 | onnxruntime 10.000 | 2.50x |" in summary_table([row])


def test_worker_answers_stops_and_ends(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    graph = build_model("resnet8")
    model = tmp_path / "model.onnx"
    model.write_bytes(export_onnx(graph, batch=1))
    values = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)
    np.save(tmp_path / "x.npy", values)
    common = {"model": model, "values": tmp_path / "x.npy", "folder": tmp_path, "threads": 1}
    with EngineProcess("onnxruntime", Path(sys.executable), **common) as process:
        assert len(process.samples_ms(3)) == 3
        state = Path(f"/proc/{process.pid}/stat").read_text().split()[2]
        assert state == "T"
        import torch

        module = GraphModule(graph).eval()
        with torch.no_grad():
            wanted = module(torch.from_numpy(values)).numpy()
        assert np.abs(process.output - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert not Path(f"/proc/{process.pid}").exists()
    with pytest.raises(BenchError, match="ncnn does not run model.onnx: .*see the log"):
        EngineProcess("ncnn", Path(sys.executable), **common)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--engines-folder", "/nowhere"], "--setup"),
        (["--engines", "tvm"], "no engine 'tvm'"),
        (["--nets", "vgg19"], "no benchmark net"),
    ],
)
def test_wrong_words_of_bench_peers(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "peers", *words]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line
