"""A study's report as words, tables and figures."""

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout, limit_line
from app.viewmodels.numbers import NOTHING, percent, times
from backend.services.views import Json

Colour = Literal["green", "orange", "gray"]

_BADGES: dict[str, tuple[Colour, str]] = {
    "supported": ("green", ":material/check_circle:"),
    "not supported": ("orange", ":material/cancel:"),
    "undecided": ("gray", ":material/help:"),
}
_SYMBOLS = {"supported": "circle", "not supported": "x", "undecided": "circle-open"}
_WORDS = {"supported": "sharper", "not supported": "blurrier", "undecided": "cannot tell"}
_TRUST = {"supported": "better", "not supported": "worse", "undecided": "cannot tell"}


def verdict_badge(word: str) -> tuple[str, Colour, str]:
    """Return text, colour and icon of a verdict."""
    colour, icon = _BADGES.get(word, ("gray", ":material/help:"))
    return f"claim {word}" if word != "undecided" else word, colour, icon


def facts(report: Json) -> list[tuple[str, str, str]]:
    """Return label, value and help of the study's first numbers."""
    return [
        ("Pictures", str(report["count"]), str(report["pictures"])),
        ("Rate", f"{report['rate']:.2f}×", "Dense ÷ kept weights of the pruned layers."),
        ("Same class", percent(report["agreement"], 1), "Both nets see the same class."),
        (
            "Dense is right",
            percent(report["dense_accuracy"], 1),
            "On those of the pictures whose class is known.",
        ),
        (
            "Pruned is right",
            percent(report["pruned_accuracy"], 1),
            "On those of the pictures whose class is known.",
        ),
    ]


def score_table(rows: Sequence[Json], *, sharpness: bool = True) -> pd.DataFrame:
    """Return the compared numbers, a row each; other words for rows that are not sharpness."""
    words = _WORDS if sharpness else _TRUST
    return pd.DataFrame(
        [
            {
                "method": row["method_title"],
                "score": row["score_title"],
                "pruned net is": words.get(str(row["verdict"]), NOTHING),
                "difference": row["difference"],
                "95 % from": row["low"],
                "to": row["high"],
                "dense": row["dense"],
                "pruned": row["pruned"],
                "better": "higher" if row["better_is_higher"] else "lower",
                "better on (%)": _percent_number(row["better_share"]),
                "pictures": row["count"],
            }
            for row in rows
        ]
    )


def effect_figure(rows: Sequence[Json], colours: Palette) -> Figure:
    """Draw each score's mean change in percent of the dense net's, right = sharper.

    Whiskers are the 95 % interval over the pictures. Rows without an interval are left out.
    """
    known = [row for row in rows if row["low"] is not None and row["dense"]]
    traces: list[Trace] = []
    tints = {
        "supported": colours.primary,
        "not supported": colours.warn,
        "undecided": colours.muted,
    }
    for verdict, tint in tints.items():
        chosen = [row for row in known if row["verdict"] == verdict]
        if not chosen:
            continue
        effects = [_effect(row) for row in chosen]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": _WORDS[verdict],
                "x": [middle for _, middle, _ in effects],
                "y": [_row_name(row) for row in chosen],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - middle for _, middle, high in effects],
                    "arrayminus": [middle - low for low, middle, _ in effects],
                    "color": tint,
                    "thickness": 2,
                },
                "marker": {"color": tint, "symbol": _SYMBOLS[verdict], "size": 11},
                "hovertemplate": "%{y}: %{x:+.2f} %<extra></extra>",
            }
        )
    frame = layout(
        colours,
        x_title="change by pruning (%, right = sharper)",
        y_title="",
        height=140 + 42 * len(known),
    )
    names = [_row_name(row) for row in known]
    frame["yaxis"] |= {"categoryorder": "array", "categoryarray": names[::-1], "automargin": True}
    line, _ = limit_line("x", 0.0, "", colours)
    frame["shapes"] = [{**line, "line": {"color": colours.muted, "width": 1}}]
    return {"data": traces, "layout": frame}


def difference_figure(
    rows: Sequence[Json], method: str, score: str, title: str, colours: Palette
) -> Figure:
    """Draw how pruned - dense of one score is spread over the pictures, with zero and the mean."""
    values = [
        float(row["difference"])
        for row in rows
        if row["method"] == method and row["score"] == score and row["difference"] is not None
    ]
    bars: Trace = {
        "type": "histogram",
        "x": values,
        "marker": {"color": colours.primary, "line": {"color": colours.paper, "width": 1}},
        "nbinsx": 30,
        "hovertemplate": "%{x}: %{y} pictures<extra></extra>",
        "showlegend": False,
    }
    frame = layout(
        colours, x_title=f"{title}: pruned − dense", y_title="number of pictures", height=300
    )
    frame["shapes"], frame["annotations"] = [], []
    mean = sum(values) / len(values) if values else 0.0
    sides = ("right", "left") if mean >= 0 else ("left", "right")
    marks = ((0.0, "same", colours.muted), (mean, "mean", colours.dense))
    for (at, text, colour), side in zip(marks, sides, strict=True):
        line, words = limit_line("x", at, text, colours)
        frame["shapes"].append({**line, "line": {**line["line"], "color": colour}})
        frame["annotations"].append({**words, "font": {"color": colour}, "y": 1, "xanchor": side})
    return {"data": [bars], "layout": frame}


def completeness_words(report: Json) -> str:
    """Return one sentence on how well integrated gradients add up; empty where they are absent."""
    parts = [
        f"{side} {percent(gaps['within_tolerance'], 0)} of the pictures (mean gap "
        f"{percent(gaps['mean_gap'])}, {gaps['mean_steps']:.0f} steps)"
        for side, gaps in report["completeness"].items()
    ]
    tolerance = percent(report["settings"]["tolerance"], 0)
    return f"Attributions add up to the score within {tolerance}: {'; '.join(parts)}." * bool(parts)


def random_words(report: Json) -> str:
    """Return one sentence on what a random order of pixels reaches; empty where it is absent."""
    control = report["random_order"]
    if not control:
        return ""
    return (
        "Pixels in a random order, which a map has to beat: deletion "
        f"{control['dense_deletion']:.3f} (dense) and {control['pruned_deletion']:.3f} (pruned), "
        f"insertion {control['dense_insertion']:.3f} and {control['pruned_insertion']:.3f}."
    )


def strength_words(report: Json) -> str:
    """Return one sentence on how strong the maps are; empty where that was not measured."""
    parts = [
        f"{row['method_title'].lower()} {times(row['pruned'] / row['dense'])}"
        for row in report.get("strength", ())
        if row["dense"]
    ]
    if not parts:
        return ""
    return (
        f"Mean strength of the maps, pruned ÷ dense: {', '.join(parts)}. On one scale a stronger "
        "map looks brighter; the scores above do not depend on it."
    )


def exhibit_caption(name: str, dense_class: str, pruned_class: str) -> str:
    """Return a picture's caption: its name and what each net takes it for."""
    if dense_class == pruned_class:
        return f"{name}: both see {dense_class}"
    return f"{name}: dense sees {dense_class}, pruned {pruned_class}"


def rows_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return a row for each picture, method and score, for a CSV file."""
    columns = ["picture", "method", "score", "dense", "pruned", "difference"]
    return pd.DataFrame(rows, columns=columns)


def _row_name(row: Json) -> str:
    """Two lines, so that a narrow screen has room for the points."""
    return f"{row['method_title']}<br>{row['score_title']}"


def _percent_number(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _effect(row: Json) -> tuple[float, float, float]:
    """Low, mean and high change in percent of the dense mean, so that sharper is positive."""
    unit = 100.0 / abs(row["dense"])
    low, middle, high = (unit * row[key] for key in ("low", "difference", "high"))
    return (low, middle, high) if row["better_is_higher"] else (-high, -middle, -low)
