"""How a net was pruned and trained: the history of a run as figures and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout

Update = Mapping[str, Any]

ALL_LAYERS = "all layers (mean)"
TITLES = {
    "pattern": "pattern: ‖W−Z‖ / ‖W‖",
    "connectivity": "connectivity: ‖W−Y‖ / ‖W‖",
    "structure": "structure: ‖W−Z‖ / ‖W‖",
    "selection": "pattern selection: ‖z−u‖ / ‖u‖",
}
"""Residuals that are drawn; the moves of the projections stand in the table alone."""

_DASHES = {"pattern": "solid", "connectivity": "dash", "structure": "solid", "selection": "dot"}
_LEAST = 1e-6


def updates_of(history: Mapping[str, Any] | None) -> list[Update]:
    """The updates of a pruning history; empty where it was not ADMM."""
    return list((history or {}).get("updates") or ())


def layer_names(updates: Sequence[Update]) -> list[str]:
    """Names of the layers under ADMM, in the net's order."""
    return list(updates[0]["layers"]) if updates else []


def residuals(update: Update, layer: str = ALL_LAYERS) -> dict[str, float]:
    """Residuals of one update by name, of one layer or their mean over all that have them."""
    layers = update["layers"]
    if layer != ALL_LAYERS:
        return dict(layers.get(layer, {}))
    values: dict[str, list[float]] = {}
    for own in layers.values():
        for name, value in own.items():
            values.setdefault(name, []).append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}


def convergence_table(updates: Sequence[Update]) -> pd.DataFrame:
    """One row an update and layer: what the CSV holds."""
    rows = [
        {
            "update": update["update"],
            "step": update["step"],
            "stage": update["stage"],
            "rho": update["rho"],
            "loss": update["loss"],
            "patterns in library": update["library"],
            "layer": layer,
            **own,
        }
        for update in updates
        for layer, own in update["layers"].items()
    ]
    return pd.DataFrame(rows)


def convergence_words(updates: Sequence[Update]) -> str:
    """Where the run ended, in one sentence."""
    if not updates:
        return ""
    last = residuals(updates[-1])
    drawn = [name for name in TITLES if name in last and name != "selection"]
    parts = [f"{name} {100 * last[name]:.1f} %" for name in drawn]
    library = updates[-1]["library"]
    ends = f" The library ended at {library} patterns." if library else ""
    return (
        f"After {len(updates)} updates the weights are off their constraints by "
        f"{' and '.join(parts)} of their norm.{ends}"
    )


def convergence_figure(
    updates: Sequence[Update], colours: Palette, layer: str = ALL_LAYERS
) -> Figure:
    """Draw residuals (logarithmic) against training steps; dotted uprights are new rhos."""
    steps = [update["step"] for update in updates]
    seen = [residuals(update, layer) for update in updates]
    traces: list[Trace] = []
    for number, (name, title) in enumerate(TITLES.items()):
        values = [own.get(name) for own in seen]
        if not any(value is not None for value in values):
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": title,
                "x": steps,
                # a logarithmic axis has no zero
                "y": [None if value is None else max(value, _LEAST) for value in values],
                "customdata": [[update["rho"], update["loss"]] for update in updates],
                "hovertemplate": "step %{x}: %{y:.4f}<br>rho %{customdata[0]:.4g}, "
                "loss %{customdata[1]:.3f}<extra></extra>",
                "line": {"color": colours.categories[number], "dash": _DASHES[name]},
            }
        )
    drawn = layout(colours, x_title="training step", y_title="residual", height=340)
    drawn["yaxis"] |= {"type": "log", "tickformat": ".3~g"}
    drawn["shapes"] = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": before["step"],
            "x1": before["step"],
            "y0": 0,
            "y1": 1,
            "line": {"color": colours.line, "width": 1, "dash": "dot"},
        }
        for before, after in zip(updates, updates[1:], strict=False)
        if after["rho"] != before["rho"]
    ]
    return {"data": traces, "layout": drawn}


def training_table(history: Mapping[str, Any]) -> pd.DataFrame:
    """One row an epoch of all trainings in their order."""
    return pd.DataFrame(
        [
            {
                "training": training["name"],
                "epoch": epoch["number"],
                "images": training["images"],
                "loss": round(epoch["loss"], 4),
            }
            for training in history.get("trainings") or ()
            for epoch in training["history"]
        ]
    )


def repair_table(history: Mapping[str, Any]) -> pd.DataFrame:
    """What the repair did to each layer."""
    return pd.DataFrame(
        [
            {
                "layer": layer["name"],
                "criterion": layer["criterion"] or "",
                "error (%)": None if layer["error"] is None else 100 * layer["error"],
                "note": layer["note"],
            }
            for layer in history.get("repair") or ()
        ]
    )
