"""`punchcard search`, `demo` and `bench`: what they refuse and what scripts read of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.cli.demo import best_point
from backend.cli.main import main
from backend.cli.search_report import ReportError, print_front, search_json, write_json
from backend.services.views import Point, SearchView, TrialRow


def trial(number: int, accuracy: float, latency_ms: float) -> TrialRow:
    return TrialRow(
        id=f"s-{number}",
        number=number,
        state="done",
        accuracy=accuracy,
        accuracy_se=0.006,
        latency_ms=latency_ms,
        latency_spread_ms=0.01,
        speedup=1.0 / latency_ms,
        rate=4.0,
        max_relative_error=1e-6,
        verified=True,
        on_front=True,
    )


def view(*trials: TrialRow) -> SearchView:
    return SearchView(
        id="s",
        state="done",
        model="resnet20",
        data="sample",
        device="local",
        sampler="punchcard",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        finished_trials=len(trials),
        total_trials=len(trials),
        best_speedup=None,
        phase="",
        message="",
        elapsed_s=1.0,
        eta_s=None,
        dense=Point(accuracy=0.92, latency_ms=1.0, accuracy_se=0.006),
        trials=trials,
        front=tuple(t.id for t in sorted(trials, key=lambda t: t.latency_ms or 0.0)),
        cancel_requested=False,
        can_resume=False,
    )


def test_json_has_the_fields_that_scripts_read(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    write_json(search_json(view(trial(0, 0.9, 0.2), trial(1, 0.92, 0.5))), str(path))
    report = json.loads(path.read_text())
    assert report["trials"] == 2
    assert report["dense"]["accuracy"] == 0.92 and report["dense"]["latency_ms"] == 1.0
    assert [point["id"] for point in report["front"]] == ["s-0", "s-1"]
    for key in ("id", "accuracy", "latency_ms", "speedup", "rate", "verified"):
        assert key in report["front"][0]


def test_json_on_stdout_is_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"trials": 1}, "-")
    assert json.loads(capsys.readouterr().out) == {"trials": 1}


def test_json_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written"):
        write_json({}, str(tmp_path / "absent" / "x.json"))


def test_table_shows_the_dense_net_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_front(view(trial(0, 0.9, 0.2)))
    out = capsys.readouterr().out
    assert out.index("dense") < out.index("s-0")
    assert "5.00x" in out and "90.00" in out and "0.60" in out


def test_demo_deploys_the_fastest_point_that_loses_at_most_one_point() -> None:
    points = [trial(0, 0.90, 0.2), trial(1, 0.911, 0.4), trial(2, 0.92, 0.8)]
    assert best_point(view(*points)).number == 1
    assert best_point(view(trial(0, 0.85, 0.2), trial(1, 0.88, 0.4))).number == 1
    with pytest.raises(ReportError, match="without a front"):
        best_point(view())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search"], "give CONFIG.yaml, --resume ID, or both"),
        (["search", "--resume", "last"], "there is no search yet"),
        (["search", "--resume", "deadbeef"], "there is no search 'deadbeef'"),
        (["search", "absent.yaml"], "cannot be read"),
        (["search", "--resume", "last", "--sampler", "npas"], "keeps its sampler"),
        (["bench", "dense", "--model", "magic"], "magic"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1 and sentence in errors[0]


def test_configuration_with_two_mistakes_names_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "CONFIG.yaml"
    path.write_text("modle: resnet20\nsampler: luck\n")
    assert main(["search", str(path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "modle is not a key" in line and "'luck'" in line


@pytest.mark.parametrize("command", ["search", "demo", "bench"])
def test_commands_explain_themselves(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: punchcard" in capsys.readouterr().out
