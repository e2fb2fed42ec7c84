"""A search's state decides words, bar and buttons."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.viewmodels.progress import actions, is_alive, search_progress, state_badge
from backend.services.views import SearchView

RUNNING = SearchView(
    id="s",
    state="running",
    model="resnet20",
    data="sample",
    device="local",
    sampler="punchcard",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    finished_trials=6,
    total_trials=24,
    best_speedup=None,
    phase="train",
    message="",
    elapsed_s=90.0,
    eta_s=270.0,
    dense=None,
    trials=(),
    front=(),
    cancel_requested=False,
    can_resume=False,
)


def test_running_search_shows_share_elapsed_and_a_range() -> None:
    progress = search_progress(RUNNING)
    assert progress.share == 0.25
    assert progress.bar == "6 of 24 candidates · train"
    assert (progress.elapsed, progress.left) == ("1 min 30 s", "4 – 6 min")
    assert progress.alive


def test_search_without_a_number_of_trials_does_not_divide_by_zero() -> None:
    assert search_progress(replace(RUNNING, finished_trials=0, total_trials=0)).share == 0.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("pause", "cancel")),
        ({"state": "queued"}, ("pause", "cancel")),
        ({"state": "paused", "can_resume": True}, ("resume", "cancel")),
        ({"state": "failed", "can_resume": True}, ("resume",)),
        ({"state": "done"}, ()),
        ({"cancel_requested": True}, ()),
    ],
)
def test_only_actions_that_make_sense_are_offered(
    change: dict[str, object], expected: tuple[str, ...]
) -> None:
    assert actions(replace(RUNNING, **change)) == expected  # type: ignore[arg-type]


def test_cancelling_is_told_while_it_lasts() -> None:
    assert "cancelling" in search_progress(replace(RUNNING, cancel_requested=True)).bar


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "interrupted", "paused"])
def test_ended_states_do_not_tick(state: str) -> None:
    assert not is_alive(state)
    assert search_progress(replace(RUNNING, state=state)).left == "–"
    assert state_badge(state)[0]


def test_unknown_state_is_shown_as_it_is() -> None:
    assert state_badge("strange")[0] == "strange"
    assert is_alive("queued")
