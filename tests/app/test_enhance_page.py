"""The Enhancement page: a study ordered, watched, shown, and its verdict told as it is."""

from __future__ import annotations

import numpy as np
import pytest
from fake_enhancement import STUDY_ID, exhibits, picture_rows, report
from fake_records import SEARCH_ID
from fake_studio import FakeStudio
from page_driver import Open, words

from app.theme import DARK, LIGHT
from app.viewmodels.enhancement import (
    completeness_words,
    difference_figure,
    effect_figure,
    rows_table,
    score_table,
    verdict_badge,
)
from app.viewmodels.saliency import paint_map, scale_bar, sight_strip


def test_a_finished_study_shows_verdict_scores_and_the_papers_claim(open_page: Open) -> None:
    app = open_page("enhance")
    text = words(app)
    assert "3 call the pruned net sharper, 1 calls it blurrier" in text
    assert "three ImageNet pictures" in text
    assert "within 1 %" in text
    assert "deletion 0.460 (dense)" in text
    assert "pruned ÷ dense: guided back-propagation 1.50×" in text
    table = app.dataframe[0].value
    assert len(table) == 9
    assert list(table["pruned net is"][:3]) == ["sharper", "sharper", "cannot tell"]
    assert len(app.get("plotly_chart")) == 2
    assert app.query_params["study"] == STUDY_ID


def test_the_sample_nets_are_compared_with_one_click(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("enhance", "empty")
    app.session_state["enhance-request"] = "one-intent"
    next(b for b in app.button if b.label == "Start the study").click().run()
    name, (order, files, request) = studio.calls[-1]
    assert name == "start_study"
    assert (order["dense"], order["pruned"], order["data"]) == ("resnet20-sample", "", "sample")
    assert order["count"] == 100
    assert order["prune"]["rate"] == 2.25
    assert (files, request) == ([], "one-intent")


def test_a_candidate_is_compared_with_the_dense_net_of_its_search(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-5")
    assert "Compare what it sees" in [link.label for link in app.get("page_link")]
    app = open_page("enhance", candidate=f"{SEARCH_ID}-5", new="1")
    next(b for b in app.button if b.label == "Start the study").click().run()
    order = studio.calls[-1][1][0]
    assert (order["dense"], order["pruned"]) == (f"dense:{SEARCH_ID}", f"{SEARCH_ID}-5")


def test_a_candidate_that_is_not_there_is_said(open_page: Open) -> None:
    assert "is no candidate of a search" in words(open_page("enhance", candidate="gone-3", new="1"))


def test_a_running_study_can_be_cancelled_and_a_failed_one_says_why(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("enhance", "working")
    next(b for b in app.button if b.label == "Cancel").click().run()
    assert ("cancel_job", (STUDY_ID,)) in studio.calls
    text = words(open_page("enhance", "failed"))
    assert "Looking into both nets failed." in text


def test_an_unknown_study_in_the_address_is_said(open_page: Open) -> None:
    assert "No study has the id gone" in words(open_page("enhance", study="gone"))


def test_effects_point_right_where_the_pruned_net_is_sharper() -> None:
    figure = effect_figure(report()["sharpness"], LIGHT)
    by_name = {trace["name"]: trace for trace in figure["data"]}
    assert all(x > 0 for x in by_name["sharper"]["x"])
    assert all(x < 0 for x in by_name["blurrier"]["x"])
    first = by_name["sharper"]
    assert first["x"][0] == pytest.approx(2.0)  # entropy fell by 2 %
    assert first["error_x"]["array"][0] == pytest.approx(1.0)
    assert len({trace["marker"]["symbol"] for trace in figure["data"]}) == 3
    alone = effect_figure(report(1)["sharpness"], LIGHT)
    assert alone["data"] == []


def test_differences_of_single_pictures_are_drawn_with_their_mean() -> None:
    rows = picture_rows()
    figure = difference_figure(rows, "guided", "entropy", "entropy", DARK)
    values = figure["data"][0]["x"]
    assert len(values) == 120
    assert figure["layout"]["shapes"][1]["x0"] == pytest.approx(np.mean(values))
    assert len(rows_table(rows)) == len(rows)


def test_words_of_a_report() -> None:
    assert verdict_badge("supported")[0] == "claim supported"
    assert verdict_badge("undecided")[0] == "undecided"
    assert completeness_words({**report(), "completeness": {}}) == ""
    trust = score_table(report()["faithfulness"], sharpness=False)
    assert trust.iloc[0]["pruned net is"] == "worse"


def test_both_maps_of_a_picture_share_one_scale_in_our_colours() -> None:
    exhibit = exhibits()[0]
    strip = sight_strip(exhibit, "guided", LIGHT)
    assert strip is not None
    assert strip.shape == (28 * 4, 3 * 28 * 4 + 2 * 6, 3)
    assert sight_strip(exhibits()[3], "inversion", LIGHT) is None
    for colours in (LIGHT, DARK):
        ends = paint_map(np.array([[0, 255]], np.uint8), colours)[0]
        wanted = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (colours.card, colours.ink)]
        assert ends.tolist() == wanted
        assert scale_bar(colours).shape == (10, 256, 3)
