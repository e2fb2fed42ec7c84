"""`punchcard train`: a net on one's own data, stopped and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.cli.main import main
from backend.data.image_data import ImageData
from backend.training.presets import PRESETS
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.image_sets import bars, small_net

ROOT = Path(__file__).parents[4]


@pytest.fixture
def data(tmp_path: Path) -> ImageData:
    made = bars(240)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(made, name) for name in arrays})
    save_graph(small_net(made), tmp_path / "small.safetensors")
    return made


def words(folder: Path, out: str, *more: str) -> list[str]:
    model, images = str(folder / "small.safetensors"), str(folder / "bars.npz")
    return ["train", model, "--data", images, "--out", str(folder / out), *more]


def test_it_trains_reports_and_writes_either_format(
    data: ImageData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--recipe", "adapt", "--epochs", "12", "--batch", "16", "--learning-rate", "0.1"]
    assert main(words(tmp_path, "out.safetensors", *more, "--half", "--json", "-")) == 0
    seen = capsys.readouterr()
    report = json.loads(seen.out)
    assert report["test"]["accuracy"] > max(0.6, report["before"]["accuracy"])
    assert report["recipe"]["epochs"] == 12 and report["recipe"]["distillation"] is None
    assert 1 <= report["best_epoch"] <= len(report["history"]) <= 12
    assert "epoch 1/12 loss" in seen.err and "test accuracy" in seen.err
    graph = load_graph(tmp_path / "out.safetensors")
    assert graph.classes == tuple(str(name) for name in report["classes"])
    values = graph.weights["middle.weight"].values
    assert np.array_equal(values, values.astype(np.float16))
    taught = ["--recipe", "fine-tune", "--feature-weight", "1"]
    taught += ["--teacher", str(tmp_path / "out.safetensors"), "--json", str(tmp_path / "r.json")]
    assert main(words(tmp_path, "out.onnx", *taught)) == 0
    assert json.loads((tmp_path / "r.json").read_text())["recipe"]["distillation"] == {
        **{"hard_weight": 0.1, "temperature": 4.0, "features": []},
        "feature_weight": 1.0,
    }
    assert import_onnx(tmp_path / "out.onnx", name="out").classes == ("0", "1", "2")
    assert not list(tmp_path.glob("*.checkpoint"))


def test_ctrl_c_keeps_a_checkpoint_and_resume_ends_as_if_nothing_had_been(
    data: ImageData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--recipe", "scratch", "--epochs", "8", "--batch", "16"]
    assert main(words(tmp_path, "whole.safetensors", *more)) == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "backend.cli.main", *words(tmp_path, "cut.safetensors", *more)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("epoch 2/8 loss"):
                child.send_signal(signal.SIGINT)
                break
        told = child.stderr.read()
    assert child.returncode == 130, told
    assert "training was stopped after" in told and "with --resume to go on" in told
    assert not (tmp_path / "cut.safetensors").exists()
    capsys.readouterr()
    assert main(words(tmp_path, "cut.safetensors", *more)) == 1
    assert "go on with --resume, or delete it" in capsys.readouterr().err
    assert main(words(tmp_path, "cut.safetensors", *more, "--resume")) == 0
    assert "epoch 2/8 loss" not in capsys.readouterr().err
    whole = load_graph(tmp_path / "whole.safetensors")
    assert load_graph(tmp_path / "cut.safetensors").digest == whole.digest
    assert not list(tmp_path.glob("*.checkpoint"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--recipe", "magic"], "there is no recipe 'magic'; take one of scratch"),
        (["--learning-rate", "-1"], "learning_rate is -1.0; it must be above 0"),
        (["--precision", "int8"], "precision is 'int8'"),
        (["--data", "nowhere"], "there is no data set 'nowhere'"),
        (["--teacher", "nobody"], "'nobody' is neither a base model"),
    ],
)
def test_mistakes_are_one_sentence_before_any_work(
    data: ImageData, tmp_path: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, "out.safetensors", *more)) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_of_another_kind_and_an_absent_folder_are_told(
    data: ImageData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, "out.pt")) == 1
    assert "must end in .safetensors or .onnx" in capsys.readouterr().err
    assert main(words(tmp_path, "no/out.onnx")) == 1
    assert "make it first" in capsys.readouterr().err


def test_every_recipe_is_named_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in PRESETS)
    assert "--resume" in text
