"""The history of a progressive extraction as figure and table."""

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, layout
from app.viewmodels.numbers import percent
from app.viewmodels.pattern_census import grid_text
from backend.services.pattern_views import StageView


def stages_figure(stages: Sequence[StageView], colours: Palette) -> Figure:
    """Draw how many kernels chose each pattern before each cut, one line a stage."""
    frame = layout(colours, x_title="pattern, most chosen first", y_title="kernels (%)", height=340)
    traces = []
    for number, stage in enumerate(stages):
        total = max(1, sum(count for _, count in stage.counts))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{stage.before} to {stage.after}",
                "x": list(range(1, len(stage.counts) + 1)),
                "y": [100 * count / total for _, count in stage.counts],
                "text": [grid_text(cells) for cells, _ in stage.counts],
                "line": {"color": colours.categories[number % len(colours.categories)]},
                "hovertemplate": "%{text}<br>%{y:.2f} %<extra></extra>",
            }
        )
    return {"data": traces, "layout": frame}


def stages_table(stages: Sequence[StageView]) -> pd.DataFrame:
    """Return one row a stage, for the page and as CSV."""
    return pd.DataFrame(
        [
            {
                "stage": number,
                "patterns before": stage.before,
                "patterns after": stage.after,
                "kernels covered (%)": 100 * stage.coverage,
                "kernels of dropped patterns (%)": 100 * stage.dropped_share,
                "held by the stop rule": stage.held,
            }
            for number, stage in enumerate(stages, 1)
        ]
    )


def stages_sentence(stages: Sequence[StageView]) -> str:
    """Return the outcome in one sentence."""
    if not stages:
        return "The extraction has no stage yet."
    last = stages[-1]
    if last.held:
        return (
            f"The stop rule ended the extraction at {last.after} patterns: dropping more would "
            f"have touched {percent(last.dropped_share, 1)} of the kernels."
        )
    return (
        f"{last.after} patterns are left; before the last cut {percent(last.coverage, 1)} of the "
        "kernels had chosen one of them."
    )
