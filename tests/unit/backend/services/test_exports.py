"""What leaves a search: its trials as tables, its study in optuna-dashboard, a package."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from backend.cli.main import main
from backend.services import exports
from backend.services.enqueue import enqueue_plan
from backend.services.exports import COLUMNS, trial_frame
from backend.services.searches import start_search
from backend.storage.open_database import open_database
from codegen.errors import PunchcardError
from tests.unit.backend.search.in_process import begin, run
from tests.unit.backend.search.test_enqueue import PLAN

PATIENCE_S = 120.0


@pytest.fixture
def searched() -> str:
    """A finished search of three candidates, the first by hand."""
    search_id = begin(trials=3)
    enqueue_plan(search_id, PLAN, "=mine")
    run(search_id)
    return search_id


def test_trials_are_a_frame_whose_columns_the_docs_name(searched: str) -> None:
    frame = trial_frame(searched)
    assert frame["number"].tolist() == [-1, 0, 1, 2]
    assert list(frame["id"]) == ["dense", *(f"{searched}-{n}" for n in range(3))]
    assert frame.loc[1, "origin"] == "by hand: =mine"
    assert frame.loc[1, "choice:layer1.0.conv1"] == "pattern/4/natural-8/g4"
    assert set(frame.loc[0, [c for c in frame if c.startswith("choice:")]]) == {"dense"}
    assert frame["epochs"].tolist() == [2, 2, 2, 2]
    assert (frame["memory_bytes"] > frame["size_bytes"]).all()
    on_front = frame[frame["on_front"]]
    assert len(on_front) and on_front["test_accuracy"].notna().all()
    assert frame[~frame["on_front"] & (frame["number"] >= 0)]["test_accuracy"].isna().all()
    named = exports.__doc__ or ""
    assert [name for name in COLUMNS if name not in named] == []
    docs = (Path(__file__).parents[4] / "docs" / "search.md").read_text()
    assert [name for name in COLUMNS if f"`{name}`" not in docs] == []


def test_files_hold_the_same_frame(
    searched: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("trials.csv", "trials.parquet"):
        assert main(["export", searched, "--out", str(tmp_path / name)]) == 0
        assert "bytes" in capsys.readouterr().out
    parquet = pd.read_parquet(tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(parquet, trial_frame(searched), check_dtype=False)
    csv = pd.read_csv(tmp_path / "trials.csv")
    assert list(csv.columns) == list(parquet.columns)
    assert csv["latency_ms"].tolist() == pytest.approx(parquet["latency_ms"].tolist())


def test_search_without_a_trial_is_an_empty_frame() -> None:
    search_id = start_search({"model": "resnet8"})
    assert trial_frame(search_id).shape == (0, len(COLUMNS))
    assert pd.read_parquet(io.BytesIO(exports.trials_as_parquet(search_id))).empty


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "last", "--out", "x.xlsx"], "exported to .csv or .parquet"),
        (["export", "gone", "--out", "x.csv"], "there is no search 'gone'"),
        (["export", "gone-1", "--package", "--out", "x.zip"], "there is no candidate 'gone-1'"),
        (["export", "gone-1", "--package", "--out", "x"], "one .zip file"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert sentence in capsys.readouterr().err


def test_package_is_one_zip_that_was_checked(
    searched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Path] = []
    monkeypatch.setattr(exports, "check_folder", checked.append)
    out = tmp_path / "package.zip"
    exports.export_package(f"{searched}-1", out)
    with zipfile.ZipFile(out) as archive:
        assert json.loads(archive.read("manifest.json"))["weights_bytes"] == 1000
    assert len(checked) == 1
    monkeypatch.undo()
    out.unlink()
    with pytest.raises(PunchcardError):  # these packages hold a manifest alone
        exports.export_package(f"{searched}-1", out)
    assert not out.exists()


@pytest.fixture
def dashboard(searched: str) -> Iterator[str]:
    """Address of an optuna-dashboard on the database of a finished search."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    url = open_database().url
    with subprocess.Popen(
        [program, url, "--port", str(port), "--server", "wsgiref"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield f"http://127.0.0.1:{port}"
        process.kill()


def _read(address: str) -> dict[str, object]:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
                found: dict[str, object] = json.load(answer)
                return found
        except OSError:  # it is still starting
            assert time.monotonic() < end
            time.sleep(0.05)


def test_study_opens_in_optuna_dashboard(searched: str, dashboard: str) -> None:
    studies = _read(f"{dashboard}/api/studies")["study_summaries"]
    (study,) = (study for study in studies if study["study_name"] == searched)
    assert study["directions"] == ["maximize", "minimize"]
    detail = _read(f"{dashboard}/api/studies/{study['study_id']}?after=0")
    assert detail["objective_names"] == ["accuracy", "latency_ms"]
    trials = detail["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] * 3
    frame = trial_frame(searched)
    assert [trial["values"] for trial in trials] == [
        pytest.approx([row.accuracy, row.latency_ms]) for row in frame[1:].itertuples()
    ]
