"""`punchcard patterns`, as a script calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.cli.main import main
from codegen.ir.storage import save_graph
from tests.fixtures.image_sets import bars, small_net


def test_sets_are_listed_shown_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patterns", "list"]) == 0
    assert "universe-56" in capsys.readouterr().out
    assert main(["patterns", "show", "scp-4", "--target", "x86_64-avx512"]) == 0
    text = capsys.readouterr().out
    assert ". . .   . # .   . # .   . # ." in text
    assert "pattern 5" in text
    assert main(["patterns", "show", "scp-4", "--json", "-"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["patterns"][0] == "000111010"
    assert shown["loads"]["x86_64-avx2"] == {"runs": 16}


def test_export_and_import_give_the_same_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "set.json"
    assert main(["patterns", "export", "authors-12", "--out", str(file)]) == 0
    assert main(["patterns", "import", str(file)]) == 1
    assert "shipped" in capsys.readouterr().err
    assert main(["patterns", "import", str(file), "--name", "mine"]) == 0
    assert main(["patterns", "export", "mine"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["patterns"] == json.loads(file.read_text())["patterns"]
    assert again["version"] == 1


def test_broken_files_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "set.json"
    file.write_text('{"name": "x", "patterns": ["000000000"]}')
    assert main(["patterns", "import", str(file)]) == 1
    assert "keeps no weight" in capsys.readouterr().err
    assert main(["patterns", "import", str(tmp_path / "gone.json")]) == 1
    assert main(["patterns", "show", "gone"]) == 1
    assert "natural-8" in capsys.readouterr().err


def test_extraction_writes_set_and_census(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, report = tmp_path / "census.csv", tmp_path / "set.json"
    words = ["patterns", "extract", "resnet20", "--size", "4", "--method", "cost", "--mu", "1"]
    more = ["--target", "x86_64-avx512", "--name", "cheap", "--csv", str(csv)]
    assert main([*words, *more, "--json", str(report)]) == 0
    assert len(csv.read_text().splitlines()) == 57
    found = json.loads(report.read_text())
    assert found["name"] == "cheap"
    kept = [{k for k in range(9) if text[k] == "1"} for text in found["patterns"]]
    assert len(set().union(*kept)) == 5  # loads cost everything: as few taps as possible
    assert main(["patterns", "show", "cheap"]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "luck"], "not by"),
        (["--size", "57"], "1 to 56"),
        (["--entries", "10"], "1 to 9"),
        (["--method", "cost", "--mu", "-1"], "cannot be negative"),
        (["--method", "cost", "--target", "z80"], "z80"),
        (["--name", "natural-8"], "shipped"),
    ],
)
def test_impossible_extractions_are_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["patterns", "extract", "resnet20", *words]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_progressive_extraction_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bars(120)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    save_graph(small_net(data), tmp_path / "small.safetensors")
    command = [
        "patterns", "progressive", str(tmp_path / "small.safetensors"),
        "--data", str(tmp_path / "bars.npz"), "--images", "64",
    ]  # fmt: skip
    report = tmp_path / "library.json"
    more = ["--sizes", "12,4", "--name", "mine", "--json", str(report)]
    assert main([*command, *more]) == 0
    state = json.loads(report.read_text())
    assert [stage["after"] for stage in state["stages"]] == [12, 4]
    text = capsys.readouterr()
    assert "4 patterns left" in text.err
    assert main(["patterns", "show", "mine"]) == 0
    assert main([*command, "--sizes", "4,12"]) == 1
    assert "sizes must fall" in capsys.readouterr().err
    assert main([*command, "--sizes", "few"]) == 1
