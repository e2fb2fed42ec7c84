"""A search of several fidelities: who is promoted, what is kept, and what kills leave of it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from backend.cli.search_report import search_json
from backend.jobs.inline import run_until_ended
from backend.search.study_view import read_study
from backend.services.searches import cancel_search, get_search, resume_search, start_search
from backend.services.views import SearchView
from tests.fault.worker_site import Site, is_alive, lines, wait_until

KINDS = "tests.fault.search_parts:KINDS"
RUNGS = ["stitched", "repaired", {"epochs": 1, "images": 2000}]
TRIALS = 12
PATIENCE_S = 150.0


@pytest.fixture
def fault_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("FAULT_FOLDER", str(site.folder))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return site


def start(trials: int = TRIALS, **more: object) -> str:
    config = {
        "model": "resnet8",
        "sampler": "random",
        "seed": 3,
        "budget": {"trials": trials},
        "reuse": False,
        "training": {"rungs": RUNGS},
        **more,
    }
    return start_search(config)


def finish(search_id: str) -> SearchView:
    job_id = get_search(search_id).job_id
    assert job_id is not None
    run_until_ended(job_id, kinds=KINDS)
    return get_search(search_id)


def check_whole(site: Site, view: SearchView) -> None:
    """Everything a finished search of rungs promises."""
    assert (view.state, view.error) == ("done", None)
    done = [trial for trial in view.trials if trial.state == "done"]
    assert len(done) == TRIALS == view.finished_trials
    front = [trial for trial in done if trial.id in view.front]
    assert front
    assert all(trial.is_final and len(trial.rungs) >= 2 for trial in front)
    assert {trial.id for trial in done if trial.test_accuracy is not None} == set(view.front)
    assert Counter(lines(site.folder / "scored")).most_common(1)[0][1] == 1  # each once
    reached = Counter(score.fidelity for trial in done for score in trial.rungs)
    assert reached["stitched"] == TRIALS
    assert TRIALS // 3 <= reached["repaired"] < TRIALS
    for trial in done:
        losses = [score.loss or 0.0 for score in trial.rungs]
        assert losses == sorted(losses, reverse=True)
        assert trial.accuracy == trial.rungs[-1].accuracy
        assert all(score.dense_accuracy is not None for score in trial.rungs)
    assert view.dense is not None
    assert view.dense.accuracy == pytest.approx(max(s.accuracy for s in view.dense.rungs))


def test_best_of_each_rung_go_on_and_the_front_reaches_the_last(fault_site: Site) -> None:
    view = finish(start())
    check_whole(fault_site, view)
    told = search_json(view)
    assert [score["fidelity"] for score in told["dense"]["rungs"]] == [
        "stitched",
        "repaired",
        "1 epoch x 2,000 images",
    ]
    assert all(one["fidelity"] == "1 epoch x 2,000 images" for one in told["front"])
    assert all(len(one["rungs"]) >= 2 for one in told["front"])
    assert lines(fault_site.folder / "reconstructed")  # all layers, before the first candidate
    evaluated = Counter(lines(fault_site.folder / "evaluated"))
    assert max(evaluated.values()) == 1  # nothing is evaluated twice at one rung


def test_killed_at_every_rung_it_ends_the_same(fault_site: Site) -> None:
    fault_site.start_worker(KINDS)
    search_id = start()
    job_id = get_search(search_id).job_id
    assert job_id is not None
    done = fault_site.folder / "evaluated"
    seen: dict[tuple[str, str], float] = {}

    def begun(rung: int) -> bool:
        found = lines(done) if done.exists() else []
        return sum((line.endswith(f"@{rung}") if rung else "@" not in line) for line in found) >= 3

    for rung in (0, 1, 2):
        wait_until(lambda rung=rung: begun(rung), PATIENCE_S)
        seen |= scores_of(get_search(search_id))
        if get_search(search_id).state == "done":
            break  # nothing was left to kill
        runner = fault_site.job(job_id).pid
        assert runner is not None
        os.kill(runner, signal.SIGKILL)
        wait_until(lambda runner=runner: not is_alive(runner), PATIENCE_S)
    wait_until(lambda: fault_site.job(job_id).state in ("done", "failed"), PATIENCE_S)
    view = get_search(search_id)
    check_whole(fault_site, view)
    now = scores_of(view)
    assert {key: now[key] for key in seen} == seen
    # what the sampler is told stays the first rung's
    trials = read_study(fault_site.database.url, view.id).trials
    told = {t.number: t.rungs[0]["accuracy"] for t in trials if t.state == "done"}
    assert told == {t.number: t.rungs[0].accuracy for t in view.trials if t.state == "done"}


def scores_of(view: SearchView) -> dict[tuple[str, str], float]:
    return {(t.id, score.fidelity): score.accuracy for t in view.trials for score in t.rungs}


@pytest.mark.slow  # a third whole search; kills are the harder case
def test_cancelled_search_goes_on_where_it_was(fault_site: Site) -> None:
    worker = fault_site.start_worker(KINDS)
    search_id = start()
    wait_until(
        lambda: any(len(t.rungs) > 1 for t in get_search(search_id).trials),
        PATIENCE_S,
    )
    cancel_search(search_id)
    wait_until(lambda: get_search(search_id).state in ("cancelled", "done"), PATIENCE_S)
    worker.terminate()
    worker.wait()
    if get_search(search_id).state == "cancelled":
        resume_search(search_id)
        finish(search_id)
    check_whole(fault_site, get_search(search_id))


def test_second_search_finds_every_rung_in_the_cache(fault_site: Site) -> None:
    first = finish(start())
    evaluated = len(lines(fault_site.folder / "evaluated"))
    second = finish(start(reuse=True))
    assert (second.state, second.error) == ("done", None)
    assert all(t.is_final for t in second.trials if t.id in second.front)
    # candidates and rungs that the first search had are not evaluated again
    again = Counter(lines(fault_site.folder / "evaluated")[evaluated:])
    before = Counter(lines(fault_site.folder / "evaluated")[:evaluated])
    assert not again & before
    assert len(again) < len(before) / 2
    assert {t.candidate_label for t in first.trials} == {t.candidate_label for t in second.trials}
