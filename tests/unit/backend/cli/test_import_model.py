"""`punchcard import` and `export`: report, exit codes, one line on errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from backend.cli.main import main
from codegen.exchange.onnx_importer import import_onnx


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "r8.onnx"
    assert main(["export", "resnet8", "--out", str(path)]) == 0
    return path


def unsupported(path: Path) -> Path:
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    nodes = [
        helper.make_node("Shrink", ["x"], ["a"], name="shrink1"),
        helper.make_node("Celu", ["a"], ["y"], name="bad\x1b[31mname"),
    ]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    path.write_bytes(model.SerializeToString())
    return path


def test_an_exported_base_model_is_supported_and_its_layers_listed(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_onnx(exported, name="resnet8").by_name["layer1.0.conv1"].op == "conv"
    assert main(["import", str(exported)]) == 0
    out = capsys.readouterr().out
    assert "layer2.0.downsample.0" in out
    assert "supported: 31 nodes, 78,042 parameters, 12,501,632 MACs" in out


def test_json_goes_to_stdout_alone(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["import", str(exported), "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["supported"] is True
    assert report["nodes"] == 31
    assert report["unsupported"] == []
    assert report["macs"] == 12_501_632
    assert report["parameters"] == 78_042


def test_what_is_not_supported_exits_1_with_every_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, target = unsupported(tmp_path / "m.onnx"), tmp_path / "report.json"
    assert main(["import", str(model), "--json", str(target)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "'shrink1' ('Shrink'): use relu" in captured.err
    assert "\x1b" not in captured.err
    assert captured.err.splitlines()[-1].endswith("2 of 2 nodes are not supported (listed above)")
    report = json.loads(target.read_text())
    assert report["supported"] is False
    assert [row["op"] for row in report["unsupported"]] == ["Shrink", "Celu"]
    assert all(row["hint"] for row in report["unsupported"])


def test_a_file_that_is_not_onnx_exits_1_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.onnx"
    np.save(path.open("wb"), np.zeros(3))
    assert main(["import", str(path), "--json", "-"]) == 1
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert "not an ONNX file" in captured.err
    report = json.loads(captured.out)
    assert report["supported"] is False
    assert "not an ONNX file" in report["reason"]


def test_export_of_an_unknown_model_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "resnet21", "--out", str(tmp_path / "o.onnx")]) == 1
    assert "resnet20" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_export_of_an_absent_trial_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "no-such-search-7", "--out", str(tmp_path / "o.onnx")]) == 1
    assert "no-such-search-7" in capsys.readouterr().err
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_finished_trial_is_exported_with_its_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.models.zoo import build_model
    from backend.services import candidates
    from codegen.ir import Weight
    from codegen.ir.storage import save_graph

    graph = build_model("resnet8", input_shape=(1, 8, 8), width=0.5)
    weight = graph.weights["conv1.weight"].values
    mask = np.random.default_rng(0).random(weight.shape) < 0.5
    pruned = graph.with_weights({"conv1.weight": Weight(weight, mask)})
    save_graph(pruned, tmp_path / "graph.safetensors")
    monkeypatch.setattr(candidates, "candidate_folder", lambda trial: tmp_path)
    out = tmp_path / "o.onnx"
    assert main(["export", "a1b2-3", "--out", str(out)]) == 0
    back = import_onnx(out, name="resnet8").weights["conv1.weight"].values
    assert np.array_equal(back, np.where(mask, weight, 0))
