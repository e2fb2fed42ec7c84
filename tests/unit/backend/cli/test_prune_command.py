from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from backend.cli.prune import register
from backend.services.patterns import save_pattern_set
from codegen.errors import PlanError, PunchcardError
from codegen.exchange.onnx_importer import import_onnx
from tests.fixtures.image_sets import bars, save_bars


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_bars(tmp_path, bars(600))
    return tmp_path


def prune(folder: Path, plan: str, *more: str) -> None:
    app = typer.Typer()
    register(app)
    (folder / "plan.yaml").write_text(plan)
    arguments = [str(folder / "small.safetensors"), "--plan", str(folder / "plan.yaml")]
    arguments += ["--data", str(folder / "bars.npz"), "--out", str(folder / "out.onnx"), *more]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception


def test_prune_writes_a_model_with_the_rates_it_reports(folder: Path) -> None:
    report = folder / "report.json"
    prune(
        folder,
        "default: {scheme: block_punched, rate: 2}\nlayers: {first: {scheme: dense}}",
        "--json",
        str(report),
    )
    told = json.loads(report.read_text())
    rows = {row["name"]: row for row in told["layers"]}
    graph = import_onnx(folder / "out.onnx", name="out")
    for node in graph.nodes:
        weight = graph.weight(node, "weight")
        if node.name in rows and weight is not None:
            assert weight.nonzeros == rows[node.name]["kept"], node.name
    assert rows["middle"]["achieved"] == 2.0
    assert rows["first"]["achieved"] == 1.0
    assert told["tuned"]["count"] == 200
    assert {"dense", "repaired", "rate"} <= told.keys()


def test_filter_types_of_a_plan_are_trained_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = folder / "report.json"
    plan = """
    layers:
      middle: {filter_type: dw3x3_conv1x1, scheme: block_punched, rate: 2, block: [2, 1]}
      wide: {scheme: block_punched, rate: 2, block: [2, 1]}
    """
    prune(folder, plan, "--json", str(report))
    told = json.loads(report.read_text())
    rows = {row["name"]: row for row in told["layers"]}
    graph = import_onnx(folder / "out.onnx", name="out")
    assert graph.by_name["middle.dw"].integer("groups") == 8
    assert graph.weight(graph.by_name["middle"], "weight").nonzeros == rows["middle"]["kept"] == 32
    assert (rows["middle"]["before"], rows["middle"]["filter_type"]) == (576, "dw3x3_conv1x1")
    prune(folder, "layers: {middle: {filter_type: skip}}", "--json", str(report), "--epochs", "0")
    told = json.loads(report.read_text())
    (row,) = [row for row in told["layers"] if row["filter_type"] == "skip"]
    assert (row["name"], row["kept"], row["before"]) == ("middle", 0, 576)
    assert import_onnx(folder / "out.onnx", name="out").by_name["middle"].op == "identity"
    with pytest.raises(PlanError, match="'wide' cannot be skip: it makes 16x6x6 of 8x6x6"):
        prune(folder, "layers: {wide: {filter_type: skip}}")
    with pytest.raises(PlanError, match="no filter type 'conv7x7'"):
        prune(folder, "layers: {wide: {filter_type: conv7x7}}")
    with pytest.raises(PlanError, match="left out has no weights for filter"):
        prune(folder, "layers: {middle: {filter_type: skip, scheme: filter, rate: 2}}")
    with pytest.raises(
        PlanError, match="no layer can be conv1x1 and pruned by pattern.*: patterns need 3x3"
    ):
        prune(folder, "default: {filter_type: conv1x1, scheme: pattern, rate: 4}")


def test_a_wrong_plan_writes_nothing(folder: Path) -> None:
    with pytest.raises(PlanError, match="did you mean 'middle'"):
        prune(folder, "layers: {midle: {scheme: filter, rate: 2}}")
    with pytest.raises(PunchcardError, match="does not exist"):
        prune(folder, "layers: {}", "--out", str(folder / "none" / "out.onnx"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "bars.npz",
        "plan.yaml",
        "small.safetensors",
    ]


def test_criterion_decides_what_stays_and_is_told(folder: Path) -> None:
    report = folder / "report.json"
    plan = "layers: {middle: {scheme: block_punched, rate: 2}}"
    more = ("--epochs", "0", "--criterion", "taylor", "--with-labels", "--json", str(report))
    prune(folder, plan, *more)
    told = {row["name"]: row for row in json.loads(report.read_text())["repair"]}
    assert told["middle"]["criterion"] == "taylor"
    assert 0 < told["middle"]["error"] < 1
    with pytest.raises(PlanError, match=r"no criterion 'largest'.*magnitude"):
        prune(folder, plan, "--criterion", "largest")


def test_rates_by_layer_keep_the_total(folder: Path) -> None:
    report = folder / "report.json"
    plan = (
        "layers: {middle: {scheme: unstructured, rate: 4}, wide: {scheme: unstructured, rate: 4}}"
    )
    prune(folder, plan, "--epochs", "0", "--rates-by-layer", "--json", str(report))
    rows = {row["name"]: row for row in json.loads(report.read_text())["layers"]}
    kept, total = (rows["middle"][k] + rows["wide"][k] for k in ("kept", "total"))
    assert kept == pytest.approx(total / 4, abs=2)
    assert rows["middle"]["asked"] != rows["wide"]["asked"]


def test_a_plan_may_name_a_pattern_set_of_the_users(folder: Path) -> None:
    save_pattern_set("mine", [(0, 1, 0, 0, 1, 0, 0, 1, 0), (0, 0, 0, 1, 1, 1, 0, 0, 0)])
    plan = "layers: {middle: {scheme: pattern, rate: 3, patterns: mine, group: 1}}"
    prune(folder, plan, "--epochs", "0")
    graph = import_onnx(folder / "out.onnx", name="out")
    weight = graph.weight(graph.by_name["middle"], "weight")
    assert weight is not None
    kept = {tuple(kernel) for kernel in (weight.values != 0).reshape(-1, 9).astype(int).tolist()}
    assert kept <= {(0, 1, 0, 0, 1, 0, 0, 1, 0), (0, 0, 0, 1, 1, 1, 0, 0, 0)}
    with pytest.raises(PlanError, match="3 of 9 weights is 3"):
        prune(folder, plan.replace("rate: 3", "rate: 2.25"))
