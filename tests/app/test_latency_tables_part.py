"""Latency tables on the page: built as a job, shown with their error, forgotten after a yes."""

from fake_studio import FakeStudio
from page_driver import Open, words


def test_a_table_tells_where_it_holds_and_how_well_it_predicts(open_page: Open) -> None:
    app = open_page("devices")
    assert "local-1a2b3c4d · resnet20 · 130 programs" in [item.label for item in app.expander]
    text = words(app)
    assert "Holds for local." in text
    assert "411 of them in two or more" in text


def test_without_a_table_the_page_says_what_searches_do_instead(open_page: Open) -> None:
    assert "No table yet. Searches learn latencies" in words(open_page("devices", "empty"))


def test_a_table_is_built_as_a_job(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("devices")
    next(box for box in app.selectbox if box.label == "Device").set_value("pi-desk")
    next(box for box in app.number_input if box.label == "Minutes").set_value(3)
    next(button for button in app.button if button.label == "Build").click().run()
    assert not app.exception
    assert ("start_table", ("pi-desk", "resnet20", "sample", 3.0)) in studio.calls
    assert app.query_params["table-job"] == "job-table"
    assert "130 programs, 98% of the menus measured" in words(app)


def test_a_build_shows_its_progress_and_can_be_cancelled(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("devices", "working", **{"table-job": "job-table"})
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert ("cancel_job", ("job-table",)) in studio.calls


def test_a_failed_build_says_why(open_page: Open) -> None:
    app = open_page("devices", "failed", **{"table-job": "job-table"})
    assert "Latency table failed." in words(app)


def test_a_table_is_forgotten_only_after_a_question(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("devices")
    next(button for button in app.button if button.label == "Forget").click().run()
    assert ("remove_table", ("local-1a2b3c4d",)) not in studio.calls
    next(button for button in app.button if button.label == "Forget it").click().run()
    assert ("remove_table", ("local-1a2b3c4d",)) in studio.calls


def test_the_search_page_tells_its_table_and_how_predictions_came_true(open_page: Open) -> None:
    text = words(open_page("search"))
    assert "table of local: 130 programs" in text
    assert "this search: median error 3.4 %, rank correlation 0.970, 22 candidates" in text
