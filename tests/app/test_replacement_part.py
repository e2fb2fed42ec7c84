"""The Model page's part of NPAS phase 1: choose, measure, replace, see before beside after."""

from __future__ import annotations

import pandas as pd
import pytest
from fake_records import REPLACED
from fake_studio import FakeStudio
from page_driver import Open, words

from app.viewmodels.replacement import accuracy_table, replacement_table, skipped, summary


def test_table_lists_operations_and_the_measured_gain(open_page: Open) -> None:
    app = open_page("model", model="resnet20", gain="job-gain")
    text = words(app)
    assert "3 swish → hard swish, 3 sigmoid → hard sigmoid" in text
    assert "2.000 ms → 1.600 ms, 1.25× as fast" in text
    rows = FakeStudio("full").list_replaceable("resnet20")
    table = replacement_table(rows, REPLACED)
    assert table.iloc[0]["gain (%)"] == 10.0
    assert pd.isna(table.iloc[1]["gain (%)"])
    assert list(table["where"][:2]) == ["activation", "gate"]


def test_unticked_rows_are_skipped() -> None:
    rows = FakeStudio("full").list_replaceable("resnet20")
    table = replacement_table(rows, None)
    table.loc[1, "replace"] = False
    assert skipped(table) == ["features.0.sigmoid"]
    assert summary(rows, skipped(table)) == "3 swish → hard swish, 2 sigmoid → hard sigmoid"
    assert summary(rows, [row.node for row in rows]) == "nothing"
    assert skipped(replacement_table((), None)) == []


def test_buttons_start_one_job_each(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("model", model="resnet20")
    next(b for b in app.button if b.label == "Measure the gain").click().run()
    assert not app.exception
    app = open_page("model", model="resnet20")
    next(b for b in app.button if b.label == "Replace and fine-tune").click().run()
    assert not app.exception
    started = [call[1] for call in studio.calls if call[0] == "start_replacement"]
    assert [options.get("measure_only", False) for _, options in started] == [True, False]
    assert started[1][1]["epochs"] == 2
    assert "resnet20 became resnet20-hard" in words(app)
    assert "−0.50 pt" in words(app)
    assert list(accuracy_table(REPLACED)["difference"]) == ["", "−11.00 pt", "−0.50 pt"]


def test_states_are_told(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = FakeStudio("failed")
    monkeypatch.setattr("backend.services.jobs.get_job", failed.get_job)
    assert "Replacement failed." in words(open_page("model", replace="job-replace"))
    assert "Measuring the gain failed." in words(open_page("model", gain="job-gain"))
    monkeypatch.setattr("backend.services.replacements.list_replaceable", lambda _: ())
    assert "Nothing to replace" in words(open_page("model", model="resnet20"))
