"""Budgets, and what changes while a search runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from backend.cli.main import main
from backend.search.control import Control
from backend.search.records import SearchError
from backend.search.results import why_unusable
from backend.services import searches
from tests.unit.backend.search import in_process
from tests.unit.backend.search.in_process import InProcess, begin, run


def test_budget_of_epochs_counts_what_was_trained_the_baseline_too() -> None:
    search_id = begin(budget={"epochs": 10, "trials": 50})
    view, _ = run(search_id)
    # the baseline and each candidate take two epochs: 2 + 4 * 2
    assert (view.finished_trials, view.epochs_spent) == (4, 10)


def test_budget_is_lowered_and_raised_while_the_search_runs() -> None:
    search_id = begin(trials=50)

    def lower(executor: InProcess) -> None:
        if len(executor.done) >= 3:
            searches.change_search(search_id, trials=6)

    view, _ = run(search_id, on_poll=lower)
    assert (view.finished_trials, view.total_trials, view.state) == (6, 6, "done")
    searches.change_search(search_id, trials=8)  # what is done goes on
    assert searches.get_search(search_id).state == "queued"
    view, executor = run(search_id)
    assert view.finished_trials == 8
    assert sum(task.kind == "evaluate" for task in executor.done) == 2
    assert len({trial.candidate_label for trial in view.trials}) > 1


def test_number_of_workers_changes_at_the_next_step() -> None:
    search_id = begin(trials=12, workers=1)
    widths: list[int] = []

    def widen(executor: InProcess) -> None:
        widths.append(executor.count)
        if len(executor.done) >= 3:
            searches.change_search(search_id, workers=4)

    view, executor = run(search_id, on_poll=widen)
    assert (widths[0], widths[-1], executor.widest) == (1, 4, 4)
    assert (view.finished_trials, view.workers) == (12, 4)


@pytest.mark.parametrize(
    ("limits", "workers", "words"),
    [
        ({"trials": 0}, None, "give trials, minutes or epochs"),
        ({"trials": 10**9}, None, "budget.trials"),
        ({"minutes": math.nan}, None, "budget.minutes"),
        ({}, 100_000, "workers"),
        ({}, -1, "workers"),
    ],
)
def test_impossible_change_is_one_sentence(
    limits: Mapping[str, float], workers: int | None, words: str
) -> None:
    control = Control.of({"budget": {"trials": 4}}, None)
    with pytest.raises(SearchError, match=words):
        control.with_changes(limits, workers)


def test_zero_takes_a_limit_away_and_the_rest_stays() -> None:
    control = Control.of({"budget": {"trials": 4, "minutes": 5}, "workers": 3}, None)
    changed = control.with_changes({"trials": 0, "epochs": 9})
    assert changed.to_json() == {"budget": {"minutes": 5.0, "epochs": 9}, "workers": 3}
    assert Control.of({}, changed.to_json()) == changed


def test_command_line_changes_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    search_id = begin()
    assert main(["search", "--change", search_id, "--trials", "9", "--workers", "3"]) == 0
    assert "9 trials; 3 at once" in capsys.readouterr().out
    assert main(["search", "--change", search_id]) != 0
    assert main(["search", "--change", "absent", "--trials", "9"]) == 1
    assert "there is no search 'absent'" in capsys.readouterr().err


def test_objective_that_is_no_number_fails_the_trial_and_the_search_goes_on() -> None:
    seen: list[str] = []

    def diverge(payload: Mapping[str, Any]) -> Mapping[str, Any]:
        result = in_process.evaluate(payload)
        seen.append(payload["folder"])
        return {**result, "loss": math.nan} if len(seen) == 3 else result

    view, _ = run(begin(trials=4), evaluate=diverge)
    failed = [trial for trial in view.trials if trial.state == "failed"]
    assert view.finished_trials == 4
    assert ["its loss is nan" in (trial.error or "") for trial in failed] == [True]
    assert view.epochs_spent == 2 * 6  # the failed one and the baseline were trained too


def test_latency_that_is_no_number_is_told() -> None:
    assert why_unusable({"latency_ms": math.inf}) == (
        "its latency_ms is inf: the device gave no time"
    )
    assert why_unusable({"latency_ms": 1.0, "accuracy": 0.9, "loss": 0.1}) is None


def test_memory_is_told_and_limits_the_front() -> None:
    free, _ = run(begin(trials=8))
    memory = sorted(trial.memory_bytes or 0 for trial in free.trials)
    assert memory[0] > 400_000 and free.dense is not None and free.dense.memory_bytes
    limit = memory[3]
    view, _ = run(begin(trials=8, constraints={"memory_bytes": limit}))
    on_front = [trial for trial in view.trials if trial.on_front]
    assert on_front and all((trial.memory_bytes or 0) <= limit for trial in on_front)
    assert set(free.front) != {f"{free.id}-{trial.number}" for trial in on_front}
