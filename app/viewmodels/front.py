"""Trials as the front's figure and table."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout, limit_line
from app.viewmodels.numbers import milliseconds, percent, times
from backend.services.views import Json, Point, SearchView, TrialRow

# Above this many dominated points a figure gets slow; the table still has them all.
MAX_DOMINATED = 2000


@dataclass(frozen=True)
class Budgets:
    """Limits drawn as lines: latency in ms, accuracy as a share; None draws nothing."""

    latency_ms: float | None = None
    accuracy: float | None = None


def budgets(config: Json | None) -> Budgets:
    """Read the limits of a search's configuration."""
    limits = (config or {}).get("constraints") or {}
    return Budgets(limits.get("latency_ms"), limits.get("accuracy"))


def plottable(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the finished trials that have both objectives, fastest first.

    Numbers of a trial that is still running may be there already; they count once it is done,
    since a point on the page is never taken back.
    """
    known = [
        t
        for t in trials
        if t.state == "done" and t.accuracy is not None and t.latency_ms is not None
    ]
    return sorted(known, key=lambda trial: (trial.latency_ms or 0.0, trial.number))


def front_trials(view: SearchView) -> list[TrialRow]:
    """Return the front's trials, fastest first."""
    members = set(view.front)
    return [t for t in plottable(view.trials) if t.id in members or t.on_front]


def front_figure(view: SearchView, colours: Palette, limits: Budgets | None = None) -> Figure:
    """Draw accuracy (in percent) against measured latency (ms).

    Filled teal = front, small grey rings = dominated, diamond = dense baseline. Where a search has
    several fidelities, points that are not at the last one are hollow and dominated ones that are
    are filled; whiskers are the
    spread of the latency samples and one standard error of the accuracy. `customdata` is the
    trial's id, empty for the baseline.
    """
    front = front_trials(view)
    on_front = {trial.id for trial in front}
    dominated = [t for t in plottable(view.trials) if t.id not in on_front][-MAX_DOMINATED:]
    traces = []
    has_rungs = any(trial.rungs for trial in dominated + front)
    low, final = _by_rung(dominated)
    if low:
        traces.append(
            _points(low, "dominated, cheaper evaluation", colours.muted, "circle-open", 7)
        )
    if final:
        symbol = "circle" if has_rungs else "circle-open"
        traces.append(_points(final, "dominated", colours.muted, symbol, 8))
    low, final = _by_rung(front)
    if front:
        traces.append(_staircase(front, colours))
    if low:
        name = "Pareto front, cheaper evaluation"
        traces.append(_points(low, name, colours.primary, "circle-open", 13))
    if final:
        traces.append(_points(final, "Pareto front", colours.primary, "circle", 13))
    if view.dense is not None:
        traces.append(_baseline(view.dense, colours))
    place = "this computer" if view.device == "local" else view.device
    frame = layout(
        colours,
        x_title=f"latency on {place} (ms, measured)",
        y_title="accuracy (%, validation)",
        height=460,
    )
    frame["yaxis"]["tickformat"] = ".1f"
    # Zoom and selection survive a redraw with new points.
    frame |= {"uirevision": view.id, "clickmode": "event+select", "dragmode": "pan"}
    lines = _limit_lines(limits or budgets(view.config), colours)
    frame["shapes"] = [line for line, _ in lines]
    frame["annotations"] = [words for _, words in lines]
    return {"data": traces, "layout": frame}


def _by_rung(trials: Sequence[TrialRow]) -> tuple[list[TrialRow], list[TrialRow]]:
    """Trials below the search's last rung, and those at it."""
    return [t for t in trials if not t.is_final], [t for t in trials if t.is_final]


def _staircase(front: Sequence[TrialRow], colours: Palette) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [t.latency_ms for t in front],
        "y": [100 * (t.accuracy or 0.0) for t in front],
        "line": {"shape": "hv", "color": colours.primary, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _points(trials: Sequence[TrialRow], name: str, colour: str, symbol: str, size: int) -> Trace:
    whisker = {"type": "data", "color": colour, "thickness": 1, "width": 3}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [t.latency_ms for t in trials],
        "y": [100 * (t.accuracy or 0.0) for t in trials],
        "error_x": {"array": [t.latency_spread_ms or 0.0 for t in trials], **whisker},
        "error_y": {"array": [100 * (t.accuracy_se or 0.0) for t in trials], **whisker},
        "marker": {"color": colour, "symbol": symbol, "size": size, "line": {"width": 1.5}},
        "customdata": [t.id for t in trials],
        "text": [_hover(t) for t in trials],
        "hovertemplate": "%{text}<extra></extra>",
        **_STEADY,
    }


# A click opens a page; the points must not fade meanwhile.
_STEADY = {"selected": {"marker": {"opacity": 1.0}}, "unselected": {"marker": {"opacity": 1.0}}}


def _hover(trial: TrialRow) -> str:
    return (
        f"candidate {trial.number}<br>{percent(trial.accuracy)} at "
        f"{milliseconds(trial.latency_ms)}<br>{times(trial.speedup)} faster, "
        f"rate {times(trial.rate)}" + (f"<br>{trial.fidelity}" if trial.fidelity else "")
    )


def _baseline(dense: Point, colours: Palette) -> Trace:
    whisker = {"type": "data", "color": colours.dense, "thickness": 1, "width": 3}
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "dense baseline",
        "x": [dense.latency_ms],
        "y": [100 * dense.accuracy],
        "error_x": {"array": [dense.latency_spread_ms or 0.0], **whisker},
        "error_y": {"array": [100 * (dense.accuracy_se or 0.0)], **whisker},
        "marker": {"color": colours.dense, "symbol": "diamond", "size": 13},
        "text": ["dense"],
        "textposition": "middle left",
        "textfont": {"color": colours.dense},
        "customdata": [""],
        "hovertemplate": (
            f"dense baseline<br>{percent(dense.accuracy)} at {milliseconds(dense.latency_ms)}"
            "<extra></extra>"
        ),
        **_STEADY,
    }


def _limit_lines(limits: Budgets, colours: Palette) -> list[tuple[Trace, Trace]]:
    lines = []
    if limits.latency_ms is not None:
        text = f"budget {milliseconds(limits.latency_ms)}"
        lines.append(limit_line("x", limits.latency_ms, text, colours))
    if limits.accuracy is not None:
        text = f"at least {percent(limits.accuracy, 1)}"
        lines.append(limit_line("y", 100 * limits.accuracy, text, colours))
    return lines


def trial_of_selection(selection: object) -> str | None:
    """Return the trial id of a clicked point, or None for the baseline or no click."""
    picked = (selection or {}).get("points", []) if isinstance(selection, dict) else []
    for point in picked:
        data = point.get("customdata")
        value = data[0] if isinstance(data, list) and data else data
        if isinstance(value, str) and value:
            return value
    return None


def trial_table(trials: Sequence[TrialRow], link: str = "") -> pd.DataFrame:
    """Return trials as a sortable table; `link` is the address to which an id is added.

    A search of several fidelities has a column of accuracies for each.
    """
    fidelities = list(dict.fromkeys(score.fidelity for t in trials for score in t.rungs))
    rows = [
        {
            "candidate": f"{link}{t.id}" if link else t.number,
            "front": t.on_front,
            "state": t.state,
            "accuracy (%)": None if t.accuracy is None else 100 * t.accuracy,
            "± (pt)": None if t.accuracy_se is None else 100 * t.accuracy_se,
            **_at_rungs(t, fidelities),
            "latency (ms)": t.latency_ms,
            "spread (ms)": t.latency_spread_ms,
            "speed-up (×)": t.speedup,
            "rate (×)": t.rate,
            "memory (kB)": None if t.memory_bytes is None else t.memory_bytes / 1000,
            "error": t.max_relative_error,
            "choices": ": ".join(filter(None, (t.origin, t.candidate_label or t.error))),
        }
        for t in trials
    ]
    columns = [
        "candidate",
        "front",
        "state",
        "accuracy (%)",
        "± (pt)",
        *(f"{fidelity} (%)" for fidelity in fidelities),
        "latency (ms)",
        "spread (ms)",
        "speed-up (×)",
        "rate (×)",
        "memory (kB)",
        "error",
        "choices",
    ]
    return pd.DataFrame(rows, columns=columns)


def _at_rungs(trial: TrialRow, fidelities: Sequence[str]) -> dict[str, float | None]:
    known = {score.fidelity: 100 * score.accuracy for score in trial.rungs}
    return {f"{fidelity} (%)": known.get(fidelity) for fidelity in fidelities}


def last_trials(trials: Sequence[TrialRow], number: int = 8) -> list[TrialRow]:
    """Return the newest trials, newest first."""
    return sorted(trials, key=lambda trial: trial.number, reverse=True)[:number]
