"""A net's patterns counted: histogram, coverage, table and the sentence above them."""

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, layout
from app.viewmodels.numbers import percent
from backend.services.pattern_views import CensusEntry


def grid_text(cells: Sequence[int]) -> str:
    """Return a pattern in three lines for a figure's hover: ■ kept, □ removed."""
    marks = ["■" if cell else "□" for cell in cells]
    return "<br>".join("".join(marks[start : start + 3]) for start in (0, 3, 6))


def digits(cells: Sequence[int]) -> str:
    """Return a pattern as nine digits."""
    return "".join(str(int(cell)) for cell in cells)


def histogram_figure(census: Sequence[CensusEntry], size: int, colours: Palette) -> Figure:
    """Draw how often each pattern is a kernel's natural one; the first `size` stand out."""
    places = list(range(1, len(census) + 1))
    frame = layout(colours, x_title="pattern, by frequency", y_title="kernels (%)", height=320)
    bars = {
        "type": "bar",
        "x": places,
        "y": [100 * entry.share for entry in census],
        "customdata": [entry.count for entry in census],
        "text": [grid_text(entry.cells) for entry in census],
        "textposition": "none",
        "marker": {
            "color": [colours.primary if place <= size else colours.line for place in places]
        },
        "hovertemplate": "%{text}<br>%{y:.2f} %, %{customdata} kernels<extra></extra>",
        "showlegend": False,
    }
    return {"data": [bars], "layout": frame}


def coverage_figure(census: Sequence[CensusEntry], size: int, colours: Palette) -> Figure:
    """Draw what the first k patterns cover and keep, over k."""
    places = list(range(1, len(census) + 1))
    frame = layout(colours, x_title="first k patterns", y_title="share (%)", height=320)
    frame["yaxis"] |= {"range": [0, 102]}
    lines = (
        ("kernels whose natural pattern is among them", "covered", colours.primary, "solid"),
        ("squared weight kept", "energy", colours.dense, "dash"),
    )
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": places,
            "y": [100 * float(getattr(entry, key)) for entry in census],
            "line": {"color": colour, "width": 2, "dash": dash},
            "hovertemplate": "%{x} patterns: %{y:.1f} %<extra></extra>",
        }
        for name, key, colour, dash in lines
    ]
    here = census[min(size, len(census)) - 1]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{size} patterns",
            "x": [size, size],
            "y": [100 * here.covered, 100 * here.energy],
            "marker": {"size": 9, "color": colours.ink, "symbol": "diamond"},
            "hoverinfo": "skip",
        }
    )
    return {"data": traces, "layout": frame}


def census_table(census: Sequence[CensusEntry]) -> pd.DataFrame:
    """Return the census as a table, for the page and as CSV."""
    return pd.DataFrame(
        [
            {
                "place": place,
                "pattern": f"{digits(e.cells)[:3]}/{digits(e.cells)[3:6]}/{digits(e.cells)[6:]}",
                "kernels": e.count,
                "share (%)": 100 * e.share,
                "covered (%)": 100 * e.covered,
                "squared weight kept (%)": 100 * e.energy,
            }
            for place, e in enumerate(census, 1)
        ]
    )


def census_sentence(census: Sequence[CensusEntry], size: int) -> str:
    """Return what a library of a size would mean for this net, in one sentence."""
    kernels = sum(entry.count for entry in census)
    here, whole = census[min(size, len(census)) - 1], census[-1]
    return (
        f"Of {kernels:,} kernels {percent(here.covered, 1)} have a natural pattern among the first "
        f"{size}; choosing among these, kernels keep {percent(here.energy, 1)} of the squared "
        f"weight ({percent(whole.energy, 1)} with all {len(census)})."
    )
