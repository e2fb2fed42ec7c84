"""What a restart finds and repairs in a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from backend.search.samplers import make_sampler
from backend.search.study import SearchStudy, open_storage
from backend.search.study_view import StudyView, read_study
from tests.unit.backend.search.small_problem import small_problem

PROBLEM = small_problem(schemes=["pattern"], rates=[4.0])


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def open_study(url: str) -> SearchStudy:
    sampler = make_sampler("random", 1, PROBLEM)
    return SearchStudy(open_storage(url), "s", PROBLEM.space, sampler, 1)


def test_running_trials_of_a_dead_process_are_queued_again_under_their_draw(url: str) -> None:
    first = open_study(url)
    left = [first.propose(), first.propose()]
    again = open_study(url)
    assert again.recover() == 2
    assert again.recover() == 0  # a second restart finds nothing left to do
    retried = [again.propose(), again.propose()]
    assert [p.candidate for p in retried if p] == [p.candidate for p in left if p]
    assert [p.trial.user_attrs["draw"] for p in retried if p] == [0, 1]
    assert all(p is not None and p.trial.user_attrs["retries"] == 1 for p in retried)
    fresh = again.propose()
    assert fresh is not None and fresh.trial.user_attrs["draw"] == 2


def test_kill_between_queueing_and_ending_does_not_double_the_candidate(url: str) -> None:
    study = open_study(url)
    proposal = study.propose()
    assert proposal is not None
    # as if killed right after the candidate was queued again
    study._study.enqueue_trial(dict(proposal.trial.params), user_attrs={"draw": 0, "retries": 1})
    again = open_study(url)
    assert again.recover() == 0
    waiting = [trial for trial in again.trials() if trial.state == TrialState.WAITING]
    running = [trial for trial in again.trials() if trial.state == TrialState.RUNNING]
    assert (len(waiting), len(running)) == (1, 0)


def test_candidate_whose_process_died_three_times_fails(url: str) -> None:
    study = open_study(url)
    proposal = study.propose()
    assert proposal is not None
    for retries in (1, 2):
        study = open_study(url)
        assert study.recover() == 1
        retried = study.propose()
        assert retried is not None and retried.candidate == proposal.candidate
        assert retried.trial.user_attrs["retries"] == retries
    study = open_study(url)
    assert study.recover() == 0
    (failed,) = (t for t in read_study(url, "s").trials if t.state == "failed")
    assert "died 3 times" in failed.record["error"]
    following = study.propose()
    assert following is not None and following.candidate != proposal.candidate


def test_trial_that_died_before_it_had_a_candidate_is_drawn_again(url: str) -> None:
    study = open_study(url)
    study._study.ask()
    again = open_study(url)
    assert again.recover() == 0
    proposal = again.propose()
    assert proposal is not None and proposal.trial.user_attrs["draw"] == 0


def test_view_shows_evaluated_trials_and_no_bookkeeping(url: str) -> None:
    assert read_study(url, "s") == StudyView()
    study = open_study(url)
    done, lost = study.propose(), study.propose()
    assert done is not None and lost is not None
    study.complete(done, 0.9, 1.5, {"accuracy": 0.9}, {})
    study.annotate(done.number, "test", {"accuracy": 0.88})
    open_study(url).recover()
    view = read_study(url, "s")
    assert [trial.state for trial in view.trials] == ["done"]
    assert view.test_scores == {done.number: {"accuracy": 0.88}}
    label = view.trials[0].label
    assert "pattern/4" in label or "dense" in label
    assert view.last_end is not None


def test_limits_are_stored_as_constraints_of_the_trial(url: str) -> None:
    study = open_study(url)
    proposal = study.propose()
    assert proposal is not None
    study.complete(proposal, 0.9, 1.5, {}, {"latency_ms": 0.5})
    (trial,) = study.trials()
    assert trial.constraints == {"latency_ms": 0.5}


def test_others_read_each_finished_trial_once(url: str) -> None:
    assert read_study(url, "s") == StudyView()
    study = open_study(url)
    first, second = study.propose(), study.propose()
    assert first is not None and second is not None
    study.complete(first, 0.9, 1.0, {"accuracy": 0.9}, {})
    before = read_study(url, "s")
    assert [trial.state for trial in before.trials] == ["done", "running"]
    study.fail(second, "because")
    study.annotate(first.number, "test", {"accuracy": 0.8})
    after = read_study(url, "s")
    assert [trial.state for trial in after.trials] == ["done", "failed"]
    assert after.trials[0] is before.trials[0]
    assert after.trials[1].record["error"] == "because"
    assert after.test_scores == {first.number: {"accuracy": 0.8}}
    assert before.last_end is not None and after.last_end is not None
    assert before.last_end <= after.last_end
