"""Latency tables as sentences, rows and a figure of predicted against measured."""

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, layout
from app.viewmodels.numbers import milliseconds
from backend.services.views import ErrorView, ForecastView, LatencyTableView, TableNetView


def error_words(error: ErrorView | None) -> str:
    """Return an error in words, or that it is not known."""
    if error is None:
        return "error not known yet"
    candidates = "candidate" if error.count == 1 else "candidates"
    rank = f", rank correlation {error.spearman:.3f}" if error.count > 2 else ""
    return f"median error {100 * error.median:.1f} %{rank}, {error.count} {candidates}"


def table_title(view: LatencyTableView) -> str:
    """Return what a list says of a table."""
    nets = ", ".join(net.name for net in view.nets) or "no net yet"
    return f"{view.name} · {nets} · {view.programs} programs"


def coverage_words(view: LatencyTableView) -> str:
    """Return how much of (layer shape, choice) was measured, and how often."""
    return (
        f"{view.entries} pairs of layer shape and choice were measured inside whole programs, "
        f"{view.twice} of them in two or more."
    )


def table_rows(view: LatencyTableView) -> pd.DataFrame:
    """Return the nets of a table with the error of their predictions."""
    return pd.DataFrame(
        [
            {
                "net": net.name,
                "dense (ms)": net.dense_ms,
                "programs": net.programs,
                "median error (%)": None if net.error is None else 100 * net.error.median,
                "rank correlation": None if net.error is None else net.error.spearman,
                "largest error (%)": None if net.error is None else 100 * net.error.largest,
                "by": by_words(net),
            }
            for net in view.nets
        ]
    )


def by_words(net: TableNetView) -> str:
    """Return which candidates an error is of."""
    if not net.points:
        return "too few programs"
    if net.is_checked:
        return f"{len(net.points)} fresh candidates"
    return f"{len(net.points)} programs, each left out"


def forecast_words(forecast: ForecastView) -> str:
    """Return where a search's predictions come from, and how they came true."""
    parts = [f"Latency predicted by: {forecast.source}"]
    if forecast.table_error is not None:
        parts.append(f"table: {error_words(forecast.table_error)}")
    if forecast.error is None:
        parts.append("no candidate of this search was predicted and measured yet")
    else:
        parts.append(f"this search: {error_words(forecast.error)}")
    return "; ".join(parts) + "."


def predicted_words(predicted_ms: float | None, measured_ms: float) -> str | None:
    """Return a candidate's predicted latency beside the measured one, or None without one."""
    if predicted_ms is None:
        return None
    off = 100 * (predicted_ms / measured_ms - 1)
    return f"{milliseconds(predicted_ms)} predicted ({off:+.1f} %)".replace("-", "−")


def error_figure(points: Sequence[tuple[float, float]], colours: Palette) -> Figure:
    """Draw predicted over measured milliseconds with a band of 5 % around equality."""
    measured = [pair[1] for pair in points]
    predicted = [pair[0] for pair in points]
    ends = [min([*measured, *predicted]) * 0.95, max([*measured, *predicted]) * 1.05]
    band = {
        "x": [*ends, *reversed(ends)],
        "y": [ends[0] * 1.05, ends[1] * 1.05, ends[1] * 0.95, ends[0] * 0.95],
        "fill": "toself",
        "fillcolor": colours.line,
        "line": {"width": 0},
        "mode": "lines",
        "opacity": 0.6,
        "name": "within 5 %",
        "hoverinfo": "skip",
    }
    marks = {
        "x": measured,
        "y": predicted,
        "mode": "markers",
        "marker": {"color": colours.categories[0], "size": 7},
        "name": "candidates",
        "hovertemplate": "measured %{x:.4f} ms<br>predicted %{y:.4f} ms<extra></extra>",
    }
    frame = layout(colours, x_title="measured (ms)", y_title="predicted (ms)", height=380)
    return {"data": [band, marks], "layout": frame}
