"""The roofline of the candidate's page."""

from app.theme import LIGHT
from app.viewmodels.roofline import beneath_roof, roofline_figure, roofline_rows
from backend.services.views import LayerView, PeakView

PEAK = PeakView(threads=1, gflops=100.0, read_gbps=((24 << 10, 400.0), (8 << 20, 20.0)))


def layer(name: str, gflops: float | None, bound: str = "compute") -> LayerView:
    return LayerView(
        name=name, op="conv", scheme="pattern", rate_asked=8.1, rate=8.1, macs=100,
        nonzero_macs=12, ms=0.5, dense_ms=1.0, kernel="k", source="k.c", format="grouped",
        gflops=gflops, peak_share=None if gflops is None else gflops / 100.0, intensity=3.0,
        bound=bound,
    )  # fmt: skip


def test_only_timed_layers_stand_beneath_the_roof() -> None:
    layers = [layer("a", 50.0), layer("pool", None), layer("b", 0.0)]
    assert [shown.name for shown in beneath_roof(layers)] == ["a"]


def test_figure_has_a_slope_for_each_bandwidth_and_a_mark_for_each_bound() -> None:
    figure = roofline_figure([layer("a", 50.0), layer("b", 8.0, "weights")], PEAK, LIGHT)
    lines = [trace for trace in figure["data"] if trace["mode"] == "lines"]
    marks = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert [line["name"] for line in lines] == ["24 KiB at 400 GB/s", "8 MiB at 20 GB/s"]
    for line in lines:
        assert max(line["y"]) == 100.0
        assert line["x"] == sorted(line["x"])
    assert [mark["name"] for mark in marks] == ["bound by compute", "bound by weights"]
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"


def test_table_tells_shares() -> None:
    (row,) = roofline_rows([layer("a", 50.0)]).to_dict("records")
    assert row["share of peak (%)"] == 50.0
    assert row["bound by"] == "compute"
