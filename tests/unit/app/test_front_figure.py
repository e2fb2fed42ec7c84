"""The front's figure and table are drawn from trials alone."""

from dataclasses import replace
from datetime import UTC, datetime

import plotly.graph_objects as go
import pytest

from app.theme import DARK, LIGHT, Palette
from app.viewmodels.front import (
    Budgets,
    front_figure,
    front_trials,
    last_trials,
    plottable,
    trial_of_selection,
    trial_table,
)
from backend.services.views import Point, SearchView, TrialRow


def trial(number: int, accuracy: float | None, latency_ms: float | None) -> TrialRow:
    return TrialRow(
        id=f"s-{number}",
        number=number,
        state="done" if accuracy is not None else "failed",
        accuracy=accuracy,
        accuracy_se=0.006,
        latency_ms=latency_ms,
        latency_spread_ms=0.05,
        speedup=None if latency_ms is None else 6.0 / latency_ms,
        rate=4.0,
        candidate_label="=pattern",
    )


@pytest.fixture
def view() -> SearchView:
    trials = (trial(0, 0.90, 2.0), trial(1, 0.91, 3.0), trial(2, 0.89, 3.5), trial(3, None, None))
    return SearchView(
        id="s",
        state="running",
        model="resnet20",
        data="sample",
        device="local",
        sampler="punchcard",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        finished_trials=3,
        total_trials=24,
        best_speedup=3.0,
        phase="",
        message="",
        elapsed_s=1.0,
        eta_s=None,
        dense=Point(accuracy=0.92, latency_ms=6.0, accuracy_se=0.006, latency_spread_ms=0.1),
        trials=trials,
        front=("s-0", "s-1"),
        cancel_requested=False,
        can_resume=False,
        config={"constraints": {"latency_ms": 4.0}},
    )


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_figure_is_valid_and_shows_front_dominated_and_dense(
    view: SearchView, colours: Palette
) -> None:
    figure = front_figure(view, colours)
    go.Figure(figure)  # raises on a key that plotly does not know
    named = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert named["Pareto front"]["customdata"] == ["s-0", "s-1"]
    assert named["dominated"]["customdata"] == ["s-2"]
    assert named["dense baseline"]["x"] == [6.0]
    assert named["Pareto front"]["error_y"]["array"] == [0.6, 0.6]
    assert named["Pareto front"]["error_x"]["array"] == [0.05, 0.05]
    assert figure["layout"]["colorway"] == list(colours.categories)


def test_limits_are_drawn_as_lines(view: SearchView) -> None:
    both = front_figure(view, LIGHT, Budgets(latency_ms=4.0, accuracy=0.9))
    go.Figure(both)
    assert [shape["x0"] for shape in both["layout"]["shapes"]] == [4.0, 0]
    assert both["layout"]["annotations"][1]["text"] == "at least 90.0 %"
    from_config = front_figure(view, LIGHT)
    assert len(from_config["layout"]["shapes"]) == 1
    assert not front_figure(replace(view, config=None), LIGHT)["layout"]["shapes"]


def test_figure_of_a_search_without_a_finished_trial_is_empty_but_valid(view: SearchView) -> None:
    figure = front_figure(replace(view, trials=(), front=(), dense=None), LIGHT)
    go.Figure(figure)
    assert figure["data"] == []


def test_numbers_of_a_running_trial_are_no_point_yet(view: SearchView) -> None:
    """A killed worker takes back what it had not finished; a shown point must never vanish."""
    running = replace(view.trials[0], id="s-9", state="running")
    assert "s-9" not in [t.id for t in plottable((*view.trials, running))]


def test_front_is_ordered_by_latency(view: SearchView) -> None:
    assert [t.id for t in front_trials(view)] == ["s-0", "s-1"]
    assert [t.id for t in plottable(view.trials)] == ["s-0", "s-1", "s-2"]
    assert [t.number for t in last_trials(view.trials, 2)] == [3, 2]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"points": [{"customdata": "s-1"}]}, "s-1"),
        ({"points": [{"customdata": ["s-1"]}]}, "s-1"),
        ({"points": [{"customdata": ""}]}, None),
        ({"points": []}, None),
        (None, None),
        ({}, None),
    ],
)
def test_click_on_a_point_gives_its_trial_and_on_the_baseline_nothing(
    selection: object, expected: str | None
) -> None:
    assert trial_of_selection(selection) == expected


def test_table_links_to_the_candidate_and_shows_why_a_trial_failed(view: SearchView) -> None:
    failed = replace(view.trials[3], error="no disk", candidate_label="")
    table = trial_table([view.trials[0], failed], "/candidate?candidate=")
    assert table["candidate"].tolist() == ["/candidate?candidate=s-0", "/candidate?candidate=s-3"]
    assert table["choices"].tolist()[1] == "no disk"
    assert trial_table([]).empty
