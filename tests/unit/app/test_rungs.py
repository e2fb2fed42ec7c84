"""Several fidelities on the page: hollow points, a column each, a table, the form's choice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.theme import LIGHT
from app.viewmodels.front import front_figure, trial_table
from app.viewmodels.rungs import rung_table, rungs_choice, rungs_of
from backend.services.views import Point, RungScore, SearchView, TrialRow

STITCHED = RungScore(fidelity="stitched", accuracy=0.90, loss=0.4, latency_ms=1.0)
TRAINED = RungScore(
    fidelity="1 epoch x 2,000 images",
    accuracy=0.93,
    accuracy_se=0.005,
    loss=0.2,
    latency_ms=1.1,
    dense_accuracy=0.94,
)


def trial(number: int, latency_ms: float, accuracy: float, *rungs: RungScore) -> TrialRow:
    return TrialRow(
        id=f"s-{number}",
        number=number,
        state="done",
        accuracy=accuracy,
        latency_ms=latency_ms,
        fidelity=rungs[-1].fidelity if rungs else "",
        is_final=not rungs or rungs[-1] is TRAINED,
        rungs=rungs,
    )


def view(*trials: TrialRow, front: tuple[str, ...]) -> SearchView:
    return SearchView(
        id="s",
        state="running",
        model="resnet20",
        data="sample",
        device="local",
        sampler="punchcard",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        finished_trials=len(trials),
        total_trials=len(trials),
        best_speedup=None,
        phase="searching",
        message="",
        elapsed_s=1.0,
        eta_s=None,
        dense=Point(accuracy=0.94, latency_ms=2.0),
        trials=trials,
        front=front,
        cancel_requested=False,
        can_resume=False,
    )


def test_points_below_the_last_rung_are_hollow() -> None:
    figure = front_figure(
        view(
            trial(0, 1.0, 0.93, STITCHED, TRAINED),
            trial(1, 1.5, 0.935, STITCHED),
            trial(2, 1.6, 0.92, STITCHED, TRAINED),
            trial(3, 1.7, 0.90, STITCHED),
            front=("s-0", "s-1"),
        ),
        LIGHT,
    )
    symbols = {
        place: trace["marker"]["symbol"]
        for trace in figure["data"]
        for place in trace.get("customdata", ())
    }
    assert symbols["s-0"] == symbols["s-2"] == "circle"
    assert symbols["s-1"] == symbols["s-3"] == "circle-open"
    hover = [text for trace in figure["data"] for text in trace.get("text", ())]
    assert any("stitched" in text for text in hover)


def test_a_search_of_one_fidelity_looks_as_before() -> None:
    figure = front_figure(view(trial(0, 1.0, 0.93), trial(1, 2.0, 0.9), front=("s-0",)), LIGHT)
    names = [trace["name"] for trace in figure["data"] if "name" in trace]
    assert names == ["dominated", "Pareto front", "dense baseline"]
    assert not [name for name in trial_table([trial(0, 1.0, 0.93)]).columns if "stitched" in name]


def test_each_fidelity_has_a_column() -> None:
    table = trial_table([trial(0, 1.0, 0.93, STITCHED, TRAINED), trial(1, 1.5, 0.9, STITCHED)])
    assert list(table["stitched (%)"]) == [90.0, 90.0]
    assert table["1 epoch x 2,000 images (%)"].isna().tolist() == [False, True]


def test_table_of_a_candidate_stands_beside_the_dense_net() -> None:
    table = rung_table((STITCHED, TRAINED))
    assert list(table["evaluation"]) == ["stitched", "1 epoch x 2,000 images"]
    assert table["difference (pt)"][1] == pytest.approx(-1.0)
    assert table["difference (pt)"].isna()[0]


@pytest.mark.parametrize("choice", ["single", "rising"])
def test_choice_of_the_form_comes_back(choice: str) -> None:
    training = {"images": 4000, "epochs": 2, "rungs": rungs_of(choice, 4000, 2, ())}
    assert rungs_choice(training) == choice


def test_rungs_that_were_written_stay() -> None:
    written = ["repaired", {"epochs": 5, "images": 100}]
    training = {"images": 4000, "epochs": 2, "rungs": written}
    assert rungs_choice(training) == "written"
    assert rungs_of("written", 4000, 2, written) == written
    assert rungs_of("rising", 0, 0, ()) == ["stitched", "repaired"]
