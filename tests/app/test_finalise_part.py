"""The candidate page's tab of NPAS phase 3, in each of its states."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_finalization import finalization
from fake_records import SEARCH_ID
from fake_studio import FakeStudio
from page_driver import Open, words

from app.theme import LIGHT
from app.viewmodels.finalization import (
    bake_off_table,
    epoch_lines,
    epoch_table,
    loss_bars,
    result_table,
    verdict,
)

CANDIDATE = f"{SEARCH_ID}-5"


def press(app: object, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()  # type: ignore[attr-defined]
    assert not app.exception  # type: ignore[attr-defined]


def test_empty_tab_offers_the_form_and_starts_once(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("candidate", candidate=CANDIDATE)
    assert "finalised" not in words(app).lower().split("nothing has been finalised yet")[0]
    press(app, "Finalise")
    ((_, (candidate, settings)),) = [c for c in studio.calls if c[0] == "start_finalization"]
    assert candidate == CANDIDATE
    assert settings["contestants"] == ["magnitude", "admm", "geometric_median", "least_squares"]
    assert (settings["bake_epochs"], settings["epochs"], settings["seed"]) == (2, 10, 0)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_living_one_can_be_paused_and_cancelled(
    open_page: Open, studio: FakeStudio, state: str
) -> None:
    studio.finalization = state
    app = open_page("candidate", candidate=CANDIDATE)
    assert not app.exception
    labels = [button.label for button in app.button]
    assert {"Pause", "Cancel"} <= set(labels)
    assert "Finalise" not in labels
    press(app, "Pause")
    assert ("pause_finalization", ("f1na1000",)) in studio.calls


def test_failed_one_says_why_and_can_be_resumed(open_page: Open, studio: FakeStudio) -> None:
    studio.finalization = "failed"
    app = open_page("candidate", candidate=CANDIDATE)
    assert "The disk is full: free 200 MB" in words(app)
    press(app, "Resume")
    assert ("resume_finalization", ("f1na1000",)) in studio.calls


def test_finished_one_shows_before_beside_after_and_deploys(
    open_page: Open, studio: FakeStudio
) -> None:
    studio.finalization = "done"
    app = open_page("candidate", candidate=CANDIDATE)
    text = words(app)
    assert "Finished and verified: 91.20 % on the validation images, 2.310 ms" in text
    assert "Least squares + distillation has the lowest validation loss" in text
    assert "Deploy the finished net" in [button.label for button in app.button]


def test_finished_net_is_not_finalised_again(open_page: Open) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-final")
    assert "finalised already" in words(app)


def test_verdict_tells_how_sure_it_is() -> None:
    view = finalization("done")
    assert "ADMM is 0.0360 ± 0.0110 behind" in verdict(view)
    assert "more than twice its standard error" in verdict(view)
    close = [dict(row) for row in view.contestants]
    close[1]["behind"] = 0.01
    assert "another seed may turn it round" in verdict(replace(view, contestants=tuple(close)))
    alone = replace(view, contestants=view.contestants[3:])
    assert "the only one that came through" in verdict(alone)
    assert verdict(finalization("running")) == ""


def test_tables_and_figures() -> None:
    view = finalization("done")
    table = bake_off_table(view)
    assert list(table["contestant"])[3] == "Least squares + distillation (winner)"
    assert table["accuracy (%)"][0] == 88.0
    running = bake_off_table(finalization("running"))
    assert list(running["state"]) == ["done", "done", "runs", "waits"]
    bars = loss_bars(view, LIGHT)
    assert bars["data"][0]["marker"]["symbol"][3] == "star"
    rows = [("Magnitude", view.contestants[0]["history"]), ("Full", view.full_run["history"])]
    lines = epoch_lines(rows, LIGHT)
    assert [len(trace["x"]) for trace in lines["data"]] == [2, 10]
    assert len(epoch_table(rows)) == 12
    assert view.result is not None
    shown = result_table(view.result, {"accuracy": 0.9, "latency_ms": 2.4})
    assert list(shown["test accuracy"]) == ["91.50 %", "90.40 %", "91.10 %"]
