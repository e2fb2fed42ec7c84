"""Pause and resume: nothing is lost, nobody is blamed, and only the same search goes on."""

from __future__ import annotations

from typing import Any

import pytest

from backend.jobs.errors import CancelledError
from backend.search.records import SearchError
from backend.search.study_view import read_study
from backend.services import searches
from backend.storage.open_database import open_database
from backend.storage.tables import Search
from tests.unit.backend.search.in_process import InProcess, begin, run


def test_pause_blames_no_candidate_however_often_it_comes() -> None:
    undisturbed, _ = run(begin(trials=5))
    search_id = begin(trials=5)
    for number in range(4):  # three deaths would have failed the candidate

        def pause(executor: InProcess) -> None:
            if executor.capacity() <= 0:
                searches.pause_search(search_id)

        with pytest.raises(CancelledError):
            run(search_id, on_poll=pause if number else lambda e: searches.pause_search(search_id))
        view = searches.get_search(search_id)
        assert (view.state, view.can_resume) == ("paused", True)
        assert not any(trial.state == "running" for trial in view.trials)
        searches.resume_search(search_id)
    view, _ = run(search_id)
    assert {t.state for t in view.trials} == {"done"}
    database = open_database()
    digests = [
        sorted(
            (t.record["draw"], t.record["candidate"]) for t in read_study(database.url, name).trials
        )
        for name in (undisturbed.id, search_id)
    ]
    assert digests[0] == digests[1]


def _with(search_id: str, **changes: Any) -> None:
    with open_database().write() as session:
        row = session.get_one(Search, search_id)
        row.config = {**row.config, **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {"rates": [4.0]}}, r"space: layer1.0.conv1 without pattern/2.25/natural-8/g4"),
        ({"training": {"epochs": 7}}, r"settings: training.epochs 2 -> 7"),
        ({"constraints": {"accuracy": 0.5}}, r"settings: constraints.accuracy absent -> 0.5"),
        ({"model": "vgg_small"}, r"model: layers.conv1 .*, name resnet8 -> vgg_small|model: "),
    ],
)
def test_another_search_under_the_same_id_is_refused_and_the_difference_told(
    changes: dict[str, Any], words: str
) -> None:
    search_id = begin(trials=1)
    run(search_id)
    searches.change_search(search_id, trials=2)
    _with(search_id, **changes)
    with pytest.raises(SearchError, match=words) as caught:
        run(search_id)
    assert "cannot go on, because it would be another search" in str(caught.value)
    assert len(str(caught.value)) < 1200


def test_configuration_given_at_resume_is_compared_and_its_budget_taken_up() -> None:
    search_id = begin(trials=1)
    view, _ = run(search_id)
    config = dict(view.config or {})
    with pytest.raises(SearchError, match=r"settings: seed 3 -> 4, training.epochs 2 -> 1"):
        searches.resume_search(search_id, config={**config, "seed": 4, "training": {"epochs": 1}})
    searches.resume_search(search_id, config={**config, "budget": {"trials": 3}, "workers": 1})
    view, _ = run(search_id)
    assert (view.finished_trials, view.workers) == (3, 1)
