"""A trial by its id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.search.records import SearchError
from backend.search.study_view import Trial, read_study
from backend.storage.database import Database
from backend.storage.tables import Search


def find_trial(database: Database, trial_id: str) -> tuple[Search, Trial, Mapping[str, Any] | None]:
    """The search, the trial, and its score on the test images where it has one.

    Raises:
        SearchError: there is no such trial.
    """
    search_id, _, number = trial_id.rpartition("-")
    with database.read() as session:
        search = session.get(Search, search_id)
    if search is not None and number.isdecimal():
        study = read_study(database.url, search.study_name)
        for trial in study.trials:
            if trial.number == int(number):
                return search, trial, study.test_scores.get(trial.number)
    msg = f"there is no candidate {trial_id!r}; its id stands in the table of a search"
    raise SearchError(msg)
