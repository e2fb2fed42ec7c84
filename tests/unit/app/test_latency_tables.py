"""Predicted beside measured, as words, rows and a figure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.theme import LIGHT
from app.viewmodels.latency_tables import (
    by_words,
    error_figure,
    error_words,
    forecast_words,
    predicted_words,
    table_rows,
)
from backend.services.views import ErrorView, ForecastView, LatencyTableView, TableNetView

ERROR = ErrorView(median=0.0213, spearman=0.99312, count=120, largest=0.2)
NET = TableNetView(
    name="resnet20",
    dense_ms=0.34,
    programs=130,
    checks=2,
    is_checked=True,
    points=((0.11, 0.1), (0.19, 0.2)),
    error=ERROR,
)


def test_errors_are_told_with_their_count() -> None:
    assert error_words(ERROR) == "median error 2.1 %, rank correlation 0.993, 120 candidates"
    one = replace(ERROR, count=1)
    assert error_words(one) == "median error 2.1 %, 1 candidate"
    assert error_words(None) == "error not known yet"


def test_rows_tell_which_candidates_an_error_is_of() -> None:
    view = LatencyTableView(
        name="t",
        device="local",
        cpu="c",
        target="x",
        generator="g",
        compiler="z",
        programs=1,
        entries=1,
        twice=0,
        nets=(NET, replace(NET, is_checked=False), replace(NET, points=(), error=None)),
    )
    assert [by_words(net) for net in view.nets] == [
        "2 fresh candidates",
        "2 programs, each left out",
        "too few programs",
    ]
    rows = table_rows(view)
    assert rows["median error (%)"][0] == pytest.approx(2.13)
    assert rows["median error (%)"].isna().tolist() == [False, False, True]


def test_a_forecast_tells_table_and_search_apart() -> None:
    forecast = ForecastView(source="table of pi", programs=9, table_error=None, error=None)
    assert forecast_words(forecast) == (
        "Latency predicted by: table of pi; no candidate of this search was predicted and "
        "measured yet."
    )
    assert "table: median error 2.1 %" in forecast_words(replace(forecast, table_error=ERROR))


def test_a_candidates_prediction_stands_beside_its_measurement() -> None:
    assert predicted_words(None, 1.0) is None
    assert predicted_words(0.97, 1.0) == "0.970 ms predicted (−3.0 %)"
    assert predicted_words(1.05, 1.0) == "1.050 ms predicted (+5.0 %)"


def test_the_figure_has_every_candidate_and_a_band_of_5_percent() -> None:
    band, marks = error_figure(NET.points, LIGHT)["data"]
    assert list(zip(marks["y"], marks["x"], strict=True)) == list(NET.points)
    assert band["y"][0] == pytest.approx(1.05 * band["x"][0])
    assert band["y"][-1] == pytest.approx(0.95 * band["x"][0])
