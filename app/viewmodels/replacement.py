"""Replaceable operations and what replacing them gave, as tables and sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from app.viewmodels.numbers import percent, points
from backend.services.replacements import ReplaceableRow
from backend.services.views import Json

WORDS = {
    "hard_sigmoid": "hard sigmoid",
    "hard_swish": "hard swish",
    "relu": "ReLU",
    "clip": "clip",
    "silu": "swish",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
}


def words(op: str) -> str:
    """Return an operation's name as people write it."""
    return WORDS.get(op, op.replace("_", " "))


def replacement_table(rows: Sequence[ReplaceableRow], measured: Json | None) -> pd.DataFrame:
    """Return one row an operation, all chosen; gains stand there once they were measured."""
    found = {row["node"]: row for row in (measured or {}).get("rows", ())}
    table = pd.DataFrame(
        [
            {
                "replace": True,
                "layer": row.node,
                "is": words(row.op),
                "becomes": words(row.becomes),
                "largest error": row.max_error,
                "where": "gate" if row.is_gate else "activation",
                "share of time (%)": _percent(found.get(row.node, {}).get("share")),
                "gain (%)": _percent(found.get(row.node, {}).get("gain")),
            }
            for row in rows
        ]
    )
    if measured is None and not table.empty:
        return table.drop(columns=["share of time (%)", "gain (%)"])
    return table


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def skipped(table: pd.DataFrame) -> list[str]:
    """Return the layers whose box is not ticked."""
    if table.empty:
        return []
    return [str(name) for name in table.loc[~table["replace"].astype(bool), "layer"]]


def summary(rows: Sequence[ReplaceableRow], skip: Collection[str] = ()) -> str:
    """Return what the chosen rows do, e.g. `49 swish → hard swish, 16 sigmoid → hard sigmoid`."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.node not in skip:
            key = f"{words(row.op)} → {words(row.becomes)}"
            counts[key] = counts.get(key, 0) + 1
    return ", ".join(f"{count} {key}" for key, count in counts.items()) or "nothing"


def accuracy_table(report: Json) -> pd.DataFrame:
    """Return test accuracy of the original and of each step after it."""
    titles = (
        ("original", "as it was"),
        ("control", "as it was, trained as long"),
        ("replaced", "hard forms, untrained"),
        ("tuned", "hard forms, fine-tuned"),
    )
    seen = report.get("accuracy", {})
    base = seen.get("original")
    return pd.DataFrame(
        [
            {
                "model": title,
                "test accuracy": percent(seen[key]["accuracy"]),
                "± standard error": points(seen[key]["standard_error"]).lstrip("+"),
                "difference": "" if key == "original" else _lost(seen[key], base),
                "images": seen[key]["count"],
            }
            for key, title in titles
            if seen.get(key) is not None
        ]
    )


def _lost(one: Json, base: Json | None) -> str:
    return "" if base is None else points(one["accuracy"] - base["accuracy"])
