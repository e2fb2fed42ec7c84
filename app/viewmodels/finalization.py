"""A finalisation as tables and figures: the bake-off, the full run, before beside after."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout
from app.viewmodels.numbers import milliseconds, percent, points
from backend.services.finalizations import FinalizationView
from backend.services.views import Json

STATES = {"waiting": "waits", "running": "runs", "done": "done", "failed": "failed"}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")


def bake_off_table(view: FinalizationView) -> pd.DataFrame:
    """Return one row a contestant, in running order; numbers once they are known."""
    return pd.DataFrame(
        [
            {
                "contestant": str(row["title"]) + (" (winner)" if _won(view, row) else ""),
                "state": STATES.get(str(row["state"]), str(row["state"])),
                "validation loss": row.get("loss"),
                "± loss": row.get("loss_se"),
                "behind the best": row.get("behind"),
                "± behind": row.get("behind_se"),
                "accuracy (%)": _percent(row.get("accuracy")),
                "± accuracy": _percent(row.get("accuracy_se")),
                "time (s)": row.get("seconds"),
                "why not": row.get("error") or "",
            }
            for row in view.contestants
        ]
    )


def _won(view: FinalizationView, row: Json) -> bool:
    return bool(view.winner == row["name"])


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def verdict(view: FinalizationView) -> str:
    """Return how sure the bake-off is of its winner, in a sentence; empty before it is known."""
    done = [row for row in view.contestants if row.get("behind") is not None]
    winner = next((row for row in done if _won(view, row)), None)
    if winner is None:
        return ""
    others = [row for row in done if row is not winner]
    if not others:
        return f"{winner['title']} is the only one that came through."
    second = min(others, key=lambda row: row["behind"])
    sure = second["behind"] > 2 * second["behind_se"]
    words = (
        "more than twice its standard error"
        if sure
        else "within twice its standard error: another seed may turn it round"
    )
    return (
        f"{winner['title']} has the lowest validation loss; {second['title']} is "
        f"{second['behind']:.4f} ± {second['behind_se']:.4f} behind on the same images, {words}."
    )


def loss_bars(view: FinalizationView, colours: Palette) -> Figure:
    """Draw each contestant's validation loss with its standard error."""
    done = [row for row in view.contestants if row.get("loss") is not None]
    trace: Trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [row["loss"] for row in done],
        "y": [row["title"] for row in done],
        "error_x": {
            "type": "data",
            "array": [row["loss_se"] for row in done],
            "color": colours.muted,
        },
        "text": ["  winner" if _won(view, row) else "" for row in done],
        "textposition": "middle right",
        "textfont": {"color": colours.ink},
        "marker": {
            "size": 13,
            "color": [colours.primary if _won(view, row) else colours.dense for row in done],
            "symbol": ["star" if _won(view, row) else "circle" for row in done],
        },
        "hovertemplate": "%{y}: %{x:.4f}<extra></extra>",
        "showlegend": False,
    }
    frame = layout(colours, x_title="validation loss (nats)", y_title="", height=260)
    frame["yaxis"] |= {"autorange": "reversed", "automargin": True}
    return {"data": [trace], "layout": frame}


def epoch_lines(rows: Sequence[tuple[str, Sequence[Json]]], colours: Palette) -> Figure:
    """Draw validation loss by epoch, one line a training; epochs without one are left out."""
    traces: list[Trace] = []
    for number, (title, history) in enumerate(rows):
        seen = [epoch for epoch in history if epoch.get("validation_loss") is not None]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": title,
                "x": [epoch["epoch"] for epoch in seen],
                "y": [epoch["validation_loss"] for epoch in seen],
                "marker": {"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 8},
                "hovertemplate": "epoch %{x}: %{y:.4f}<extra>" + title + "</extra>",
            }
        )
    frame = layout(colours, x_title="epoch", y_title="validation loss (nats)", height=320)
    frame["xaxis"]["dtick"] = max(1, max((len(h) for _, h in rows), default=1) // 10)
    return {"data": traces, "layout": frame}


def epoch_table(rows: Sequence[tuple[str, Sequence[Json]]]) -> pd.DataFrame:
    """Return every epoch of some trainings, as the lines show them."""
    columns = ("training", "epoch", "loss", "validation_loss", "accuracy")
    return pd.DataFrame(
        [
            {"contestant": title, **{key: epoch.get(key) for key in columns}}
            for title, history in rows
            for epoch in history
        ]
    )


def result_table(result: Json, before: Json) -> pd.DataFrame:
    """Return the candidate before beside the finished net and the dense one."""
    test = result.get("test", {})
    rows = (
        ("dense", None, result.get("dense_latency_ms"), test.get("dense")),
        ("candidate before", before.get("accuracy"), before.get("latency_ms"), test.get("before")),
        ("finished", result["accuracy"], result["latency_ms"], test.get("final")),
    )
    return pd.DataFrame(
        [
            {
                "net": title,
                "validation accuracy": percent(accuracy),
                "test accuracy": percent(None if seen is None else seen["accuracy"]),
                "± test": "" if seen is None else points(seen["standard_error"]).lstrip("+"),
                "latency": milliseconds(latency),
            }
            for title, accuracy, latency, seen in rows
        ]
    )
