"""Layer tables and bars."""

from dataclasses import replace

import plotly.graph_objects as go

from app.theme import LIGHT
from app.viewmodels.layers import (
    candidate_table,
    computing,
    model_table,
    rate_bars,
    shape_text,
    time_bars,
)
from backend.services.views import LayerRow, LayerView


def layer(name: str, macs: int, ms: float | None) -> LayerView:
    return LayerView(
        name=name,
        op="conv",
        scheme="block_punched",
        rate_asked=4.0,
        rate=3.98,
        macs=macs,
        nonzero_macs=macs // 4,
        ms=ms,
        dense_ms=0.2,
        kernel="k",
        source="k.c",
    )


def test_model_table_shares_add_up_to_all_macs() -> None:
    rows = [
        LayerRow(
            name=name,
            op="conv",
            weight_shape=(16, 3, 3, 3),
            output_shape=(1, 16, 8, 8),
            macs=macs,
            parameters=432,
            legal_schemes=schemes,
        )
        for name, macs, schemes in (("a", 300, ("dense", "block_punched")), ("b", 100, ()))
    ]
    table = model_table(rows)
    assert table["share of MACs (%)"].tolist() == [75.0, 25.0]
    assert table["can be pruned by"].tolist() == ["block-punched", "kept as it is"]
    assert table["weights"][0] == "16 × 3 × 3 × 3"
    assert model_table([]).empty
    assert [layer.name for layer in computing([*rows, replace(rows[0], macs=0)])] == ["a", "b"]
    assert shape_text(()) == ""


def test_candidate_table_tells_filter_types_and_times_their_parts_together() -> None:
    rows = [
        replace(layer("a.dw", 10, 0.02), part_of="a", dense_ms=None),
        replace(layer("a", 20, 0.03), filter_type="dw3x3_conv1x1", total_ms=0.05),
        replace(layer("b", 0, None), filter_type="skip"),
    ]
    table = candidate_table(rows)
    assert table["filter type"].tolist() == ["part of a", "dw3x3_conv1x1", "skip"]
    assert table["speed-up (×)"].tolist()[1] == rows[1].dense_ms / 0.05
    assert table["speed-up (×)"].isna().tolist() == [True, False, True]


def test_candidate_table_has_speedup_only_where_both_times_are_known() -> None:
    table = candidate_table([layer("a", 400, 0.1), layer("b", 400, None), layer("c", 0, 0.1)])
    assert table["speed-up (×)"].tolist()[0] == 2.0
    assert table["speed-up (×)"].isna().tolist() == [False, True, False]
    assert table["MACs kept (%)"].isna().tolist() == [False, False, True]


def test_bars_are_valid_figures_with_the_first_layer_on_top() -> None:
    layers = [layer("a", 400, 0.1), layer("b", 0, 0.1)]
    for figure in (time_bars(layers, LIGHT), rate_bars(layers, LIGHT)):
        go.Figure(figure)
        assert figure["layout"]["yaxis"]["autorange"] == "reversed"
    assert rate_bars(layers, LIGHT)["data"][0]["y"] == ["a"]
    assert time_bars(layers, LIGHT)["data"][1]["x"] == [0.2, 0.2]
