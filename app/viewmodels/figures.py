"""Plotly figures as plain JSON: what every figure of the page has in common."""

from typing import Any

from app.theme import Palette

Trace = dict[str, Any]
Layout = dict[str, Any]
Figure = dict[str, Any]  # {"data": [traces], "layout": {...}}


def layout(colours: Palette, *, x_title: str, y_title: str, height: int) -> Layout:
    """Return a layout with our colours; `height` is in pixels."""
    return {
        # Streamlit's theme does not reach traces of plain figures.
        "colorway": list(colours.categories),
        "xaxis": {"title": {"text": x_title}, "gridcolor": colours.line, "zeroline": False},
        "yaxis": {"title": {"text": y_title}, "gridcolor": colours.line, "zeroline": False},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
        "height": height,
        "hovermode": "closest",
    }


def limit_line(axis: str, value: float, text: str, colours: Palette) -> tuple[Trace, Trace]:
    """Return a dashed line across the figure at `value` of an axis, and its words."""
    across = "y" if axis == "x" else "x"
    line = {
        "type": "line",
        f"{axis}ref": axis,
        f"{axis}0": value,
        f"{axis}1": value,
        f"{across}ref": "paper",
        f"{across}0": 0,
        f"{across}1": 1,
        "line": {"color": colours.bad, "width": 1.5, "dash": "dash"},
    }
    words = {
        f"{axis}ref": axis,
        axis: value,
        f"{across}ref": "paper",
        across: 0 if axis == "x" else 1,
        "xanchor": "left" if axis == "x" else "right",
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "font": {"color": colours.bad},
    }
    return line, words
