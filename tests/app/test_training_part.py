"""The Model page's part that trains: choose, watch, cancel, go on, see the result."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_records import TRAINED
from fake_studio import FakeStudio
from page_driver import Open, words

from app.viewmodels.training import changes, epoch_table, outcome, recipe_words


def test_form_starts_one_job_with_what_was_changed(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("model", model="resnet20")
    assert "Train on your data" in words(app)
    app.number_input(key="train-adapt-epochs").set_value(3)
    app.text_input(key="train-path").set_value(" /data/flowers ").run()
    next(b for b in app.button if b.label == "Train").click().run()
    assert not app.exception
    assert [call[1] for call in studio.calls if call[0] == "start_training"] == [
        ("resnet20", "/data/flowers", "adapt", {"epochs": 3})
    ]
    assert app.query_params["train"] == "job-train"


def test_result_tells_accuracy_epochs_and_what_was_unusual(open_page: Open) -> None:
    text = words(open_page("model", model="resnet20", train="job-train"))
    assert "resnet20 became resnet20-flowers" in text
    assert "79.00 % ± 1.30 pt" in text
    assert "memory ran out" in text
    assert "Search with the trained model" in text


def test_a_running_training_shows_progress_and_can_be_cancelled(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("model", "working", model="resnet20")
    next(b for b in app.button if b.key == "cancel-job-train").click().run()
    assert ("cancel_job", ("job-train",)) in studio.calls
    assert "Train" not in [button.label for button in app.button]


@pytest.mark.parametrize("state", ["cancelled", "interrupted", "failed"])
def test_a_stopped_training_can_be_gone_on_with(
    open_page: Open, studio: FakeStudio, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    job = replace(studio.get_job("job-train"), state=state, result=None, error="It broke.")
    monkeypatch.setattr("backend.services.jobs.get_job", lambda _: job)
    app = open_page("model", model="resnet20", train="job-train")
    next(b for b in app.button if b.label == "Go on").click().run()
    assert ("resume_job", ("job-train",)) in studio.calls
    if state == "failed":
        assert "It broke." in words(app)


def test_words_and_tables() -> None:
    scratch, adapt = FakeStudio("full").list_recipes()
    assert recipe_words(scratch).startswith("From random weights: 100 epochs of batches of 64")
    assert "stops after 4 epochs without progress" in recipe_words(adapt)
    asked = {"epochs": 100, "batch": 32, "shift": 2}
    assert changes(scratch, asked) == {"batch": 32}
    table = epoch_table(TRAINED)
    assert list(table["validation accuracy (%)"]) == [40.0, 80.0]
    assert list(table["kept"]) == ["", "these weights"]
    assert outcome(TRAINED) == ("79.00 % ± 1.30 pt", "+69.00 pt")
