"""The bench of scale at its smallest, and at the size its goals are stated for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.bench.scale.cluster_throughput import cluster_throughput
from backend.bench.scale.own_cluster import own_cluster
from backend.bench.scale.study_times import study_times
from backend.cli.main import main
from backend.services.searches import list_searches


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
def test_eight_evaluators_do_the_work_of_eight() -> None:
    with own_cluster(8) as address:
        alone = cluster_throughput(address, 1, 50)
        together = cluster_throughput(address, 8, 400)
    print(alone, together)
    assert together["trials_per_s"] / (8 * alone["trials_per_s"]) >= 0.9
