"""The bench of scale at its smallest, and at the size its goals are stated for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.bench.scale.study_times import study_times
from backend.cli.main import main
from backend.services.searches import list_searches

ROOT = Path(__file__).parents[4]


def test_study_is_timed_in_a_home_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "scale.json"
    words = ["bench", "scale", "--trials", "30", "--samplers", "random", "--workers", ""]
    words += ["--model", "resnet8"]
    assert main([*words, "--json", str(target)]) == 0
    report = json.loads(target.read_text())
    assert report["cluster"] == []
    assert report["study"]["trials"] == 30
    assert report["study"]["page_s"] > 0
    assert report["study"]["samplers"]["random"]["ask_s"] > 0
    assert list_searches() == ()


def test_unknown_sampler_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "scale", "--samplers", "nothing"]) == 1
    assert "there is no sampler 'nothing'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_large_study_is_quick_to_look_at_and_to_go_on_from() -> None:
    found = study_times(10_000, ["punchcard", "npas"], say=print)
    assert found["page_s"] < 0.2
    for name, times in found["samplers"].items():
        assert times["ask_s"] < 1.0, name


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_eight_evaluators_do_the_work_of_eight(tmp_path: Path) -> None:
    # a process talks to clusters of one kind alone: with a token, or without
    target = tmp_path / "scale.json"
    words = ["bench", "scale", "--trials", "0", "--workers", "1,8", "--json", str(target)]
    subprocess.run([sys.executable, "-m", "backend.cli.main", *words], cwd=ROOT, check=True)
    alone, together = json.loads(target.read_text())["cluster"]
    print(alone, together)
    assert together["workers"] == 8
    assert together["scaling"] >= 0.9
