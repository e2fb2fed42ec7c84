"""Kept energy against loads of a target: the curve of costed extraction."""

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, layout
from app.viewmodels.pattern_census import digits
from backend.services.pattern_views import LoadCount, TradePoint

MICROKERNELS = {
    "pattern": "patterns in the code, one load of each tap for all of them",
    "pattern_rows": "the same over strips of rows",
    "runs": "patterns as data, every pattern loads its own taps",
}


def trade_figure(points: Sequence[TradePoint], colours: Palette) -> Figure:
    """Draw the sets of rising prices: fewer loads to the left, more kept weight above."""
    frame = layout(
        colours,
        x_title="input vectors loaded a channel",
        y_title="squared weight kept (%)",
        height=320,
    )
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.loads for point in points],
        "y": [100 * point.energy for point in points],
        "customdata": [point.mu for point in points],
        "line": {"color": colours.primary, "width": 2},
        "marker": {"size": 10, "color": colours.primary},
        "hovertemplate": "from mu %{customdata:.4f}: %{x:g} loads, %{y:.1f} %<extra></extra>",
        "showlegend": False,
    }
    return {"data": [trace], "layout": frame}


def trade_table(points: Sequence[TradePoint]) -> pd.DataFrame:
    """Return the curve as a table, for the page and as CSV."""
    return pd.DataFrame(
        [
            {
                "mu": point.mu,
                "loads": point.loads,
                "squared weight kept (%)": 100 * point.energy,
                "patterns": " ".join(digits(cells) for cells in point.patterns),
            }
            for point in points
        ]
    )


def load_sentence(counts: Sequence[LoadCount], target: str) -> str:
    """Return what a set costs on a target, by microkernel."""
    words = "; ".join(
        f"{item.loads:.3g} ({MICROKERNELS.get(item.strategy, item.strategy)})" for item in counts
    )
    return f"Input vectors loaded for a channel on {target}: {words}."
