"""Every algorithm under every scheme from the command line; stopping and going on."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from backend.cli.interrupt import Interrupt
from backend.cli.prune import register
from backend.sparsity.schemes import SCHEMES
from backend.training.algorithms import ALGORITHMS
from codegen.errors import PlanError, PunchcardError
from codegen.exchange.onnx_importer import import_onnx
from tests.fixtures.image_sets import bars, save_bars

QUICK = {("admm", "pattern"), ("iterative", "block_punched"), ("one_shot", "filter")}
MATRIX = [
    pytest.param(*pair, marks=[] if pair in QUICK else [pytest.mark.slow])
    for pair in product(ALGORITHMS, [name for name in SCHEMES if name != "dense"])
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_bars(tmp_path, bars(300))
    return tmp_path


def prune(folder: Path, scheme: str, *more: str) -> dict:
    app = typer.Typer()
    register(app)
    rate = 2.0 if scheme == "filter" else 4.5
    layer = "fc" if scheme == "block" else "middle"
    (folder / "plan.yaml").write_text(
        f"layers: {{{layer}: {{scheme: {scheme}, rate: {rate}, "
        f"{'group: 4' if scheme == 'pattern' else 'block: [4, 2]'}}}}}"
        if scheme in {"pattern", "block_punched", "block", "one_by_n"}
        else f"layers: {{{layer}: {{scheme: {scheme}, rate: {rate}}}}}"
    )
    arguments = [str(folder / "small.safetensors"), "--plan", str(folder / "plan.yaml")]
    arguments += ["--data", str(folder / "bars.npz"), "--out", str(folder / "out.onnx")]
    arguments += ["--images", "64", "--json", str(folder / "report.json"), *more]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return json.loads((folder / "report.json").read_text())


@pytest.mark.parametrize(("algorithm", "scheme"), MATRIX)
def test_every_scheme_and_algorithm_runs(folder: Path, algorithm: str, scheme: str) -> None:
    told = prune(folder, scheme, "--algorithm", algorithm, "--epochs", "2")
    assert told["history"]["algorithm"] == algorithm
    graph = import_onnx(folder / "out.onnx", name="out")
    kept = {row["name"]: row["kept"] for row in told["layers"] if row["scheme"] == scheme}
    assert kept
    for name, count in kept.items():
        weight = graph.weight(graph.by_name[name], "weight")
        assert weight is not None
        assert weight.nonzeros == count
    assert not (folder / "out.onnx.checkpoint").exists()


def test_admm_tells_its_convergence_and_the_library_it_learnt(folder: Path) -> None:
    told = prune(folder, "pattern", "--algorithm", "admm", "--library", "16,4", "--epochs", "8")
    updates = told["history"]["updates"]
    assert [update["library"] for update in updates] == [56, 16, 4, 4]
    assert {"pattern", "connectivity"} <= updates[-1]["layers"]["middle"].keys()
    assert len(told["library"]["patterns"]) == 4


def test_a_stopped_run_goes_on_with_resume(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prune(folder, "pattern", "--algorithm", "admm")
    (folder / "out.onnx").unlink()
    answers = iter([False, True])
    monkeypatch.setattr(Interrupt, "should_stop", lambda self: next(answers))
    with pytest.raises(PlanError, match="--resume"):
        prune(folder, "pattern", "--algorithm", "admm")
    assert not (folder / "out.onnx").exists()
    monkeypatch.undo()
    with pytest.raises(PlanError, match="left of a stopped run"):
        prune(folder, "pattern", "--algorithm", "admm")
    with pytest.raises(PunchcardError, match="another run"):
        prune(folder, "pattern", "--algorithm", "one_shot", "--resume")
    assert prune(folder, "pattern", "--algorithm", "admm", "--resume") == whole


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--algorithm", "adm"), "one_shot, iterative, admm"),
        (("--algorithm", "admm", "--epochs", "0"), "at least one epoch"),
        (("--algorithm", "admm", "--rhos", "a,b"), "numbers with commas"),
        (("--algorithm", "admm", "--selection", "best"), "simplex or l2"),
        (("--algorithm", "admm", "--library", "60"), "56 patterns cannot shrink to 60"),
    ],
)
def test_wrong_options_are_one_sentence_and_write_nothing(
    folder: Path, wrong: tuple[str, ...], says: str
) -> None:
    with pytest.raises(PunchcardError, match=says):
        prune(folder, "pattern", *wrong)
    assert not (folder / "out.onnx").exists()
