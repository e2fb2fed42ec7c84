"""A search whose processes are killed: nothing lost, nothing doubled, the same candidates."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from backend.jobs.inline import run_until_ended
from backend.search.study_view import read_study
from backend.services.searches import get_search, resume_search, start_search
from backend.storage.tables import Search
from tests.fault.worker_site import Site, is_alive, lines, wait_until

KINDS = "tests.fault.search_parts:KINDS"
TRIALS = 8
PATIENCE_S = 150.0
_undisturbed: list[str] = []


@pytest.fixture
def fault_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("FAULT_FOLDER", str(site.folder))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return site


def start(sampler: str = "random", trials: int = TRIALS, **more: object) -> str:
    config = {
        "model": "resnet8",
        "sampler": sampler,
        "seed": 3,
        "budget": {"trials": trials},
        "reuse": False,
        **more,
    }
    return start_search(config)


def finish(search_id: str) -> None:
    job_id = get_search(search_id).job_id
    assert job_id is not None
    run_until_ended(job_id, kinds=KINDS)


def drawn(site: Site, search_id: str) -> list[str]:
    """Digests of the finished candidates in the order they were first drawn."""
    trials = [t for t in read_study(site.database.url, search_id).trials if t.state == "done"]
    return [str(t.record["candidate"]) for t in sorted(trials, key=lambda t: t.record["draw"])]


def values(search_id: str) -> dict[str, tuple[float | None, float | None]]:
    trials = get_search(search_id).trials
    return {t.id: (t.accuracy, t.latency_ms) for t in trials if t.state == "done"}


@pytest.fixture
def undisturbed(fault_site: Site) -> list[str]:
    """What a search proposes that nobody kills; run once for all tests."""
    if not _undisturbed:
        search_id = start()
        finish(search_id)
        view = get_search(search_id)
        assert (view.state, view.finished_trials) == ("done", TRIALS), view.error
        _undisturbed.extend(drawn(fault_site, search_id))
    return _undisturbed


@pytest.mark.parametrize("victim", ["worker", "runner", "evaluator"])
def test_killed_search_finishes_with_the_same_candidates(
    fault_site: Site, undisturbed: list[str], victim: str
) -> None:
    worker = fault_site.start_worker(KINDS)
    search_id = start()
    job_id = get_search(search_id).job_id
    assert job_id is not None
    seen: dict[str, tuple[float | None, float | None]] = {}
    for kills in (1, 2):
        wait_until(lambda kills=kills: len(values(search_id)) >= 2 * kills, PATIENCE_S)
        seen |= values(search_id)
        runner = fault_site.job(job_id).pid
        assert runner is not None
        if victim == "evaluator":
            (fault_site.folder / "kill").write_text("1")
            wait_until(lambda: (fault_site.folder / "kill").read_text() == "0", PATIENCE_S)
        elif victim == "runner":
            os.kill(runner, signal.SIGKILL)
        else:
            worker.kill()
            worker.wait()
            wait_until(lambda runner=runner: not is_alive(runner), PATIENCE_S)
            worker = fault_site.start_worker(KINDS)
    wait_until(lambda: fault_site.job(job_id).state in ("done", "failed"), PATIENCE_S)
    view = get_search(search_id)
    assert (view.state, view.error) == ("done", None)
    assert {trial.state for trial in view.trials} == {"done"}  # none left running
    assert drawn(fault_site, search_id) == undisturbed  # none lost, none doubled, same order
    assert {key: values(search_id)[key] for key in seen} == seen
    front = set(view.front)
    assert front
    assert all((t.test_accuracy == 0.9) == (t.id in front) for t in view.trials)
    assert view.dense is not None and view.dense.test_accuracy == 0.9
    # the first candidates begin before the baseline is known, how many is up to the evaluators'
    # start; all others are predicted first
    foreseen = [trial for trial in view.trials if trial.predicted_ms is not None]
    assert len(foreseen) >= TRIALS // 2
    assert view.forecast is not None and view.forecast.error is not None
    assert view.forecast.error.count == len(foreseen)


def test_candidate_that_kills_its_evaluator_is_tried_three_times_and_then_failed(
    fault_site: Site,
) -> None:
    (fault_site.folder / "kill").write_text("3")
    search_id = start(trials=1)
    finish(search_id)
    view = get_search(search_id)
    assert view.state == "done", view.error
    failed = [trial for trial in view.trials if trial.state == "failed"]
    tries = lines(fault_site.folder / "evaluated")
    # two evaluators: the three deaths may fall on one candidate or be shared with the next
    assert view.finished_trials == 1
    assert len(failed) <= 1
    assert all("died 3 times" in (trial.error or "") for trial in failed)
    assert len(tries) == 1 + 1 + 3


def test_search_whose_every_candidate_fails_says_why(fault_site: Site) -> None:
    (fault_site.folder / "refuse").touch()
    search_id = start()
    finish(search_id)
    view = get_search(search_id)
    assert view.state == "failed"
    assert "5 trials failed in a row" in (view.error or "")
    assert "this candidate cannot be built" in (view.error or "")
    assert view.can_resume


def test_resume_with_another_space_is_refused_with_the_difference(fault_site: Site) -> None:
    (fault_site.folder / "refuse").touch()
    search_id = start()
    finish(search_id)
    (fault_site.folder / "refuse").unlink()
    with fault_site.database.write() as session:
        row = session.get_one(Search, search_id)
        row.config = {**row.config, "space": {**row.config["space"], "rates": [4.0]}}
    resume_search(search_id)
    finish(search_id)
    view = get_search(search_id)
    assert view.state == "failed"
    assert "space: layer1.0.conv1 without pattern/2.25" in (view.error or "")
    assert "start a new one" in (view.error or "")
    assert "model:" not in (view.error or "") and "data:" not in (view.error or "")


def test_second_search_takes_its_results_from_the_cache(fault_site: Site) -> None:
    first = start()
    finish(first)
    evaluated = len(lines(fault_site.folder / "evaluated"))
    second = start(reuse=True)
    finish(second)
    view = get_search(second)
    assert (view.state, view.finished_trials) == ("done", TRIALS)
    assert drawn(fault_site, second) == drawn(fault_site, first)
    assert len(lines(fault_site.folder / "evaluated")) == evaluated  # the dense baseline too
    study = read_study(fault_site.database.url, second)
    assert all(trial.record["cached"] for trial in study.trials)


@pytest.mark.slow  # 63 trials; the study's own end of a space is in tests/conformance
def test_small_space_ends_the_search_before_its_budget(fault_site: Site) -> None:
    space = {"schemes": ["pattern"], "rates": [4.0]}  # 6 layers with two choices each
    search_id = start("punchcard", 100, space=space)
    finish(search_id)
    view = get_search(search_id)
    assert view.state == "done", view.error
    digests = drawn(fault_site, search_id)
    assert len(digests) == len(set(digests)) == 2**6 - 1
