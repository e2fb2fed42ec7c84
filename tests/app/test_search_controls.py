"""Changing a search from the page: budget, workers, what is tried next, pause and its states."""

from __future__ import annotations

from fake_records import SEARCH_ID
from fake_studio import FakeStudio
from page_driver import Open, words
from streamlit.testing.v1 import AppTest


def press(app: AppTest, label: str) -> AppTest:
    return next(b for b in app.button if b.label == label).click().run()


def test_budget_and_workers_of_a_running_search_are_changed(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", "working")
    fields = {field.label: field for field in app.number_input}
    assert (fields["Candidates in all"].value, fields["Epochs in all"].value) == (24, 60)
    fields["Candidates in all"].set_value(40)
    fields["In training at once"].set_value(4)
    press(app, "Apply")
    changes = {"trials": 40, "minutes": 0.0, "epochs": 60, "workers": 4}
    assert studio.calls == [("change_search", (SEARCH_ID, changes))]


def test_budget_without_a_limit_is_refused_in_a_panel(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("search", "working")
    fields = {field.label: field for field in app.number_input}
    fields["Candidates in all"].set_value(0)
    fields["Epochs in all"].set_value(0)
    press(app, "Apply")
    assert "give trials, minutes or epochs" in words(app)
    assert studio.calls == []


def test_running_search_tells_each_limit_and_what_comes_next(open_page: Open) -> None:
    app = open_page("search", "working")
    assert "Next: **mine.yaml**" in words(app)
    assert "9 of 24 candidates, 18 of 60 epochs" in str(app.get("progress")[0].proto.text)


def test_paused_search_says_what_it_keeps_and_offers_to_go_on(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", "paused")
    assert "Paused after 9 finished candidates: nothing runs" in words(app)
    assert {"Resume", "Cancel"} <= {b.label for b in app.button}
    press(app, "Resume")
    assert studio.calls == [("resume_search", (SEARCH_ID,))]


def test_search_that_is_pausing_says_so_and_offers_no_second_click(open_page: Open) -> None:
    app = open_page("search", "pausing")
    assert "pausing" in str(app.get("progress")[0].proto.text)
    assert not {"Pause", "Resume", "Cancel"} & {b.label for b in app.button}


def test_form_asks_for_epochs_memory_workers_and_earlier_fronts(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", new="1")
    fields = {field.label: field for field in app.number_input}
    fields["Candidates"].set_value(0)
    fields["Epochs at most (0 = no limit)"].set_value(90)
    fields["Memory at most (kB, 0 = no limit)"].set_value(700.0)
    fields["Candidates in training at once"].set_value(3)
    next(m for m in app.multiselect if m.label == "Start from the fronts of").set_value([SEARCH_ID])
    app.run()
    press(app, "Start the search")
    config = studio.calls[-1][1][0]
    assert config["budget"] == {"epochs": 90}
    assert config["constraints"] == {"memory_bytes": 700_000}
    assert (config["workers"], config["warm_start"]) == (3, [SEARCH_ID])


def test_edited_candidate_is_tried_next_and_a_wrong_one_is_refused(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("candidate", "working", candidate=f"{SEARCH_ID}-5")
    plan = next(area for area in app.text_area if area.label == "Plan")
    plan.set_value("layers: {conv1: {scheme: magic, rate: 4}}")
    press(app, "Try this next")
    assert "no magic/4 on its menu" in words(app)
    plan = next(area for area in app.text_area if area.label == "Plan")
    plan.set_value("layers: {conv1: {scheme: filter, rate: 2}}")
    app = press(app, "Try this next")
    origin = f"candidate {SEARCH_ID}-5, edited"
    asked = ("enqueue_plan", (SEARCH_ID, "layers: {conv1: {scheme: filter, rate: 2}}", origin))
    assert studio.calls == [asked]
    assert "It is tried next." in words(app)


def test_candidate_of_ended_searches_says_how_to_have_it_tried(open_page: Open) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-5")
    assert "Raise one's budget on the Search page" in words(app)


def test_all_trials_are_downloaded_as_csv_and_parquet(open_page: Open) -> None:
    app = open_page("front")
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"All candidates as CSV", "as Parquet"} <= set(labels)
