"""A study made at once is one that a search could have made."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState

from backend.bench.scale.large_study import make_large_study
from backend.config.search_file import parse_config
from backend.search.preparation import prepare
from backend.services.searches import get_search, start_search
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings


@pytest.mark.parametrize("sampler", ["random", "punchcard"])
def test_search_goes_on_from_a_study_that_was_made(sampler: str) -> None:
    config = {"model": "resnet8", "sampler": sampler, "budget": {"trials": 60}}
    search_id = start_search(config)
    database = open_database()
    prepared = prepare(parse_config(config), database, open_artifacts(load_settings()))
    study = make_large_study(database, prepared, search_id, 50)
    trials = study.trials()
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert [trial.number for trial in trials] == list(range(50))
    assert len({trial.user_attrs["candidate"] for trial in trials}) == 50
    for trial in trials:
        assert prepared.space.candidate(trial.params).digest == trial.user_attrs["candidate"]
        assert trial.values == [trial.user_attrs["accuracy"], trial.user_attrs["latency_ms"]]
    proposal = study.propose()
    assert proposal is not None and proposal.number >= 50  # a repetition takes a number too
    rows = get_search(search_id).trials
    assert [row.state for row in rows] == ["done"] * 50 + ["running"]
